"""Images and documents in a prompt: the checked form of the wire's `media` list."""

from dataclasses import dataclass
from typing import Any, Literal

from .errors import RequestError
from .fields import choice_field, optional_whole_field, text_field


@dataclass(frozen=True, slots=True)
class Media:
    """An image, or a document whose pages are images, in a file that the agent has put into the spool folder."""

    kind: Literal["image", "pdf"]
    path: str
    sha256: str
    param: str
    detail: Literal["auto", "low", "high"] = "auto"
    pages: tuple[tuple[int, int], ...] | None = None
    """Of a document: ranges of pages from 1, each with its last one; None takes all."""
    dpi: int | None = None
    """Of a document; None takes the worker's."""


def parse_media(value: Any) -> list[Media]:
    """Check the `media` list of a prompt. Raises RequestError."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise RequestError("media must be a list of objects.", "media")
    return [_one(each) for each in value]


def _one(fields: dict[str, Any]) -> Media:
    return Media(
        kind=choice_field(fields, "kind", ("image", "pdf"), "image"),
        path=text_field(fields, "path"),
        sha256=text_field(fields, "sha256"),
        param=text_field(fields, "param"),
        detail=choice_field(fields, "detail", ("auto", "low", "high"), "auto"),
        pages=_pages(fields.get("pages")),
        dpi=optional_whole_field(fields, "dpi"),
    )


def _pages(value: Any) -> tuple[tuple[int, int], ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(_is_range(each) for each in value):
        raise RequestError("pages must be a list of ranges of pages.", "pages")
    return tuple((first, last) for first, last in value)


def _is_range(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(each) is int and each > 0 for each in value)
