"""Which folder of the package imports which: the arrows that their docstrings tell of, and none back."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mlxfleet_worker"
ARROWS: dict[str, set[str]] = {
    "wire": set(),
    "caches": set(),
    "tokens": {"wire"},
    "images": {"wire"},
    "constraints": {"wire"},
    "chat": {"wire", "tokens", "constraints"},
    "model": {"wire", "tokens", "constraints", "chat", "images"},
    "speculation": {"wire", "tokens", "model"},
    "serving": {"wire", "tokens"},
    "embedding": {"wire", "tokens", "serving"},
    "vision": {"wire", "caches", "chat", "images", "model"},
    "generation": {
        "wire",
        "caches",
        "tokens",
        "constraints",
        "chat",
        "images",
        "model",
        "vision",
        "speculation",
        "serving",
    },
}
"""Each folder names only folders above it, so there is no cycle."""
SHARED = {"bounded_cache", "child_process", "log"}
"""Files outside of all folders that any folder may import."""


def imported(file: Path) -> Iterator[str]:
    """What a file imports directly below the package, whether it runs or is for the type checker only."""
    package = ["mlxfleet_worker", *file.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{each.name}" for each in node.names]
        for name in names:
            root, _, rest = name.partition(".")
            if root == "mlxfleet_worker":
                yield rest.partition(".")[0]


def test_every_folder_has_its_arrows() -> None:
    folders = [each.parent.name for each in PACKAGE.glob("*/__init__.py")]
    assert sorted(folders) == sorted(ARROWS)


def test_the_arrows_form_no_cycle() -> None:
    above: set[str] = set()
    for folder, targets in ARROWS.items():
        assert targets <= above
        above.add(folder)


@pytest.mark.parametrize("folder", ARROWS)
def test_a_folder_imports_what_it_may_and_nothing_else(folder: str) -> None:
    found = {name for file in (PACKAGE / folder).rglob("*.py") for name in imported(file)}
    assert found - {folder} - SHARED == ARROWS[folder]


@pytest.mark.parametrize("folder", sorted(ARROWS.keys() - {"generation"}))
def test_a_folder_says_what_it_imports(folder: str) -> None:
    text = ast.get_docstring(ast.parse((PACKAGE / folder / "__init__.py").read_text(encoding="utf-8")))
    assert text is not None
    said = text.rpartition("imports ")[2] if "it imports " in text else ""
    assert set(re.findall(r"`(\w+)`", said)) == ARROWS[folder]
