"""Files that are damaged anywhere: an image or a refusal, in time, and the next image is decoded."""

import random
import time
from pathlib import Path

import pytest
from PIL import Image

from images_support import PARAM, Spool, encoded, photo, spool
from mlxfleet_worker.images.decoded import DecodedImage
from mlxfleet_worker.images.limits import Limits
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.media import Media
from pdf_files import RED, encrypted, huge_image, many_groups, page_of, pages_of

CASES = 60

PICTURE = photo(97, 61)
FILES = {
    "png": encoded(PICTURE),
    "palette png": encoded(PICTURE.quantize(32), transparency=3),
    "jpeg": encoded(PICTURE, "JPEG"),
    "progressive jpeg": encoded(PICTURE.convert("CMYK"), "JPEG", progressive=True),
    "webp": encoded(PICTURE, "WEBP"),
    "lossless webp": encoded(PICTURE.convert("RGBA"), "WEBP", lossless=True),
    "animated webp": encoded(PICTURE, "WEBP", save_all=True, append_images=[PICTURE.rotate(180)]),
    "gif": encoded(PICTURE, "GIF", save_all=True, append_images=[PICTURE.rotate(180)]),
    "avif": encoded(PICTURE, "AVIF"),
    "exif": encoded(
        PICTURE, "JPEG", exif=(lambda exif: (exif.update({0x0112: 6, 0x010E: "a"}), exif)[1])(Image.Exif())
    ),
}
DOCUMENTS = {
    "pages": pages_of([RED] * 3),
    "encrypted": encrypted(RED, b""),
    "image": huge_image(64, b"x\x9c" + bytes(40)),
    "groups": many_groups(3),
    "form": page_of(RED, b"/Rotate 90/Annots[5 0 R]", more=[b"<</Type/Annot/Subtype/Square/Rect[0 0 9 9]>>"]),
}


def damaged(content: bytes, choices: random.Random) -> bytes:
    """Some bytes changed, more often near the beginning, where formats tell their sizes; or cut, or put in twice."""
    result = bytearray(content)
    for _ in range(choices.choice([1, 2, 5, 20])):
        end = len(result) if choices.random() < 0.5 else min(len(result), 64)
        place = choices.randrange(end)
        match choices.randrange(6):
            case 0:
                result[place] ^= 1 << choices.randrange(8)
            case 1:
                result[place] = choices.choice([0, 1, 0x7F, 0x80, 0xFF])
            case 2:
                result[place : place + 4] = choices.randbytes(4)
            case 3:
                result[place:place] = result[place : place + choices.randrange(40)]
            case 4:
                del result[place : place + choices.randrange(1, 12)]
            case 5:
                result[place : place + 4] = b"\xff\xff\xff\xff"
        if not result:
            break
    return bytes(result)


def refusal_or_images(files: Spool, medium: Media) -> tuple[tuple[str, str | None] | None, list[list[DecodedImage]]]:
    """The kind of the refusal and what it is about, or the images."""
    try:
        return None, files.decode(medium)
    except RequestError as error:
        return (error.kind, error.param), [[]]


@pytest.mark.parametrize("name", [*FILES, *DOCUMENTS])
def test_damaged_files_are_images_or_refused(tmp_path: Path, name: str) -> None:
    kind = "image" if name in FILES else "pdf"
    content = FILES.get(name) or DOCUMENTS[name]
    choices = random.Random(name)
    with spool(tmp_path / "spool", Limits(cpu_seconds=2.0)) as files:
        files.decode(files.medium(content, kind=kind))
        for _ in range(CASES):
            medium = files.medium(damaged(content, choices), kind=kind, pages=((1, 1),))
            begun = time.monotonic()
            refused, [images] = refusal_or_images(files, medium)
            assert refused in (None, ("media", PARAM), ("media_too_large", PARAM))
            assert all(max(each.width, each.height) <= files.settings.max_side for each in images)
            assert time.monotonic() - begun < 10
        files.check_works()
