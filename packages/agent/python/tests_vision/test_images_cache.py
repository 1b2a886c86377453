"""Decoded images are kept by what they show, within their bytes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from images_support import GOOD, Spool, encoded, photo, spool
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.media import Media
from pdf_files import BLUE, GREEN, RED, pages_of

BYTES = 36
"""Of an image of 4 x 3 pixels."""


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Spool]:
    with spool(tmp_path / "spool", image_cache_bytes=1 << 20) as made:
        yield made


def small(colour: int) -> bytes:
    return encoded(Image.new("RGB", (4, 3), (colour, 0, 0)))


def test_a_kept_image_needs_neither_file_nor_process(files: Spool) -> None:
    medium = files.medium(GOOD)
    [[first]] = files.decode(medium)
    Path(medium.path).unlink()
    files.end_process()
    [[second]] = files.decode(medium)
    assert second is first
    assert files.pid is None


def test_kept_pages_need_neither_file_nor_process(files: Spool) -> None:
    medium = files.medium(pages_of([RED, GREEN, BLUE]), kind="pdf")
    [first] = files.decode(medium)
    Path(medium.path).unlink()
    files.end_process()
    assert files.decode(medium) == [first]
    assert files.decode(replace(medium, pages=((2, 3),))) == [first[1:]]
    assert files.pid is None


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    with spool(tmp_path / "spool", image_cache_bytes=2 * BYTES + 1) as files:
        one, two, three = (files.medium(small(colour)) for colour in (1, 2, 3))
        [[first], [second]] = files.decode(one, two)
        assert files.decoder.cache_bytes == 2 * BYTES
        assert files.decode(one) == [[first]]
        files.decode(three)
        assert files.decoder.cache_bytes == 2 * BYTES
        assert files.decode(one)[0][0] is first
        assert files.decode(two)[0][0] is not second


def test_an_image_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    with spool(tmp_path / "spool", image_cache_bytes=BYTES) as files:
        [[kept]] = files.decode(medium := files.medium(small(1)))
        files.image(encoded(photo(8, 8)))
        assert files.decoder.cache_bytes == BYTES
        assert files.decode(medium)[0][0] is kept


def test_no_bytes_keep_none(tmp_path: Path) -> None:
    with spool(tmp_path / "spool", image_cache_bytes=0) as files:
        medium = files.medium(GOOD)
        [[first]] = files.decode(medium)
        [[second]] = files.decode(medium)
        assert first == second
        assert first is not second
        assert files.decoder.cache_bytes == 0


def test_what_a_request_shows_twice_is_decoded_once_though_nothing_is_kept(tmp_path: Path) -> None:
    with spool(tmp_path / "spool", image_cache_bytes=0) as files:
        [[first], [second]] = files.decode(files.medium(GOOD), files.medium(GOOD))
        assert first is second


def test_shrinking_lets_go_and_what_comes_later_is_kept(files: Spool) -> None:
    media = [files.medium(small(colour)) for colour in range(5)]
    files.decode(*media)
    assert files.decoder.cache_bytes == 5 * BYTES
    files.decoder.shrink(2 * BYTES)
    assert files.decoder.cache_bytes == 2 * BYTES
    files.decoder.shrink(0)
    assert files.decoder.cache_bytes == 0
    files.decode(*media)
    assert files.decoder.cache_bytes == 5 * BYTES


def test_a_refusal_is_not_kept(files: Spool) -> None:
    medium = files.medium(GOOD[:40])
    files.refusal(medium)
    Path(medium.path).write_bytes(GOOD)
    assert files.decode(medium)


def test_keys_tell_what_is_shown(files: Spool, tmp_path: Path) -> None:
    """Every parameter that changes pixels is in the key, and where a file lies is not."""
    image, document = encoded(photo(1000, 500)), pages_of([RED, GREEN])
    shown = [
        files.decode(files.medium(image)),
        files.decode(files.medium(image, detail="low")),
        files.decode(files.medium(encoded(photo(1000, 501)))),
        files.decode(files.medium(document, kind="pdf")),
        files.decode(files.medium(document, kind="pdf", dpi=72)),
    ]
    with spool(tmp_path / "smaller", max_side=700) as smaller:
        shown += [smaller.decode(smaller.medium(image)), smaller.decode(smaller.medium(document, kind="pdf"))]
    with spool(tmp_path / "fewer", max_pixels=600_000) as fewer:
        shown.append(fewer.decode(fewer.medium(document, kind="pdf")))
    keys = [image.key for [images] in shown for image in images]
    assert len(set(keys)) == len(keys) == 12
    assert all(len(key) == 64 for key in keys)


def test_equal_keys_are_equal_pixels(files: Spool, tmp_path: Path) -> None:
    content = encoded(photo(1000, 500), "JPEG")
    [[one], [auto], [high]] = files.decode(
        files.medium(content), files.medium(content, detail="auto"), files.medium(content, detail="high")
    )
    assert one is auto is high
    with spool(tmp_path / "other") as other:
        assert other.decode(other.medium(content)) == [[one]]
    [pages] = files.decode(files.medium(pages_of([RED, GREEN]), kind="pdf"))
    [same] = files.decode(files.medium(pages_of([RED, GREEN]), kind="pdf", dpi=144, pages=((2, 2),)))
    assert same == pages[1:]


SCOPES = (None, "", "one", "two", "null")


@pytest.mark.parametrize("kind", ["image", "pdf"])
def test_scopes_do_not_know_of_each_other(files: Spool, kind: str) -> None:
    """Or a client would tell by the time that its answer takes what others have shown."""
    medium = files.medium(GOOD if kind == "image" else pages_of([RED]), kind=kind, dpi=72)
    images = {scope: files.decode(medium, scope=scope)[0][0] for scope in SCOPES}
    assert len({image.key for image in images.values()}) == len(SCOPES)
    assert len({image.rgb for image in images.values()}) == 1
    assert files.decoder.cache_bytes == sum(len(image.rgb) for image in images.values())
    Path(medium.path).unlink()
    files.end_process()
    for scope, image in images.items():
        assert files.decode(medium, scope=scope)[0][0] is image
    assert files.pid is None
    _refuse_lost(files, medium, "three")


def test_a_document_is_open_for_its_scope_alone(files: Spool) -> None:
    medium = files.medium(pages_of([RED, GREEN]), kind="pdf", pages=((1, 1),))
    files.decode(medium, scope="one")
    Path(medium.path).unlink()
    second = replace(medium, pages=((2, 2),))
    assert files.decode(second, scope="one")
    _refuse_lost(files, second, "two")
    # Nor is it known there how many pages it has.
    _refuse_lost(files, replace(medium, pages=((9, 9),)), "two")


def _refuse_lost(files: Spool, medium: Media, scope: str) -> None:
    """That the file, which is gone, is missing."""
    with pytest.raises(RequestError, match="cannot be opened"):
        files.decode(medium, scope=scope)
