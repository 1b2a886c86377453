"""A spool folder with a decoder: files are made, decoded and compared."""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from mlxfleet_worker.images.decoded import DecodedImage
from mlxfleet_worker.images.decoder import ImageDecoder
from mlxfleet_worker.images.limits import Limits
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.frames import MediaSettings
from mlxfleet_worker.wire.media import Media

SETTINGS = MediaSettings(
    spool_path="",
    max_side=768,
    max_pixels=50_000_000,
    max_pdf_pages=20,
    pdf_dpi=144,
    image_cache_bytes=0,
    feature_cache_bytes=0,
)
PARAM = "messages[0].content[1].image_url"


class Spool:
    """The folder, and the decoder that reads from it."""

    def __init__(self, folder: Path, limits: Limits | None = None, **settings: Any) -> None:
        self.folder = folder
        self.settings = replace(SETTINGS, spool_path=str(folder), **settings)
        self.decoder = ImageDecoder(self.settings, limits)

    def medium(self, content: bytes, **fields: Any) -> Media:
        """A new file with this content."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.folder / f"{sha256[:16]}-{len(list(self.folder.iterdir()))}"
        path.write_bytes(content)
        return self.medium_at(path, sha256=sha256, **fields)

    def medium_at(self, path: Path, **fields: Any) -> Media:
        """Whatever is at this path."""
        return Media(**{"kind": "image", "path": str(path), "sha256": str(path), "param": PARAM} | fields)

    def decode(
        self, *media: Media, is_cancelled: Callable[[], bool] = lambda: False, scope: str | None = None
    ) -> list[list[DecodedImage]]:
        """The images of each."""
        return self.decoder.decode(list(media), is_cancelled, scope)

    def image(self, content: bytes, **fields: Any) -> Image.Image:
        """The only image of a file with this content."""
        [[image]] = self.decode(self.medium(content, **fields))
        assert len(image.rgb) == 3 * image.width * image.height
        return image.to_pil()

    def pages(self, content: bytes, **fields: Any) -> list[Image.Image]:
        """The pages of a document with this content."""
        [images] = self.decode(self.medium(content, kind="pdf", **fields))
        return [each.to_pil() for each in images]

    def refusal(self, *media: Media | bytes, **fields: Any) -> RequestError:
        """What is said against these, and that a good image is decoded after them."""
        with pytest.raises(RequestError) as caught:
            self.decode(*(self.medium(each, **fields) if isinstance(each, bytes) else each for each in media))
        assert caught.value.param in (PARAM, f"{PARAM}.pages")
        self.check_works()
        return caught.value

    def check_works(self) -> None:
        """A good image is decoded."""
        assert self.image(GOOD).tobytes() == b"\x0a\x14\x1e" * 12

    def end_process(self) -> None:
        """End the side process, as happens when it has been idle for long."""
        self.decoder._process._close_idle()

    @property
    def pid(self) -> int | None:
        """The side process, where there is one."""
        process = self.decoder._process._process
        return None if process is None else process.pid


@contextmanager
def spool(folder: Path, limits: Limits | None = None, **settings: Any) -> Iterator[Spool]:
    """A spool in this folder."""
    folder.mkdir(exist_ok=True)
    made = Spool(folder, limits, **settings)
    try:
        yield made
    finally:
        made.end_process()


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The file of an image."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


GOOD = encoded(Image.new("RGB", (4, 3), (10, 20, 30)))


def largest_difference(one: Image.Image, other: Image.Image) -> int:
    """Between two values of one place, of 255."""
    assert (one.mode, one.size) == (other.mode, other.size)
    extrema: Any = ImageChops.difference(one, other).getextrema()
    return max(high for _, high in (extrema if isinstance(extrema[0], tuple) else [extrema]))


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    """Over all values, of 255."""
    assert (one.mode, one.size) == (other.mode, other.size)
    values = ImageChops.difference(one, other).tobytes()
    return sum(values) / len(values)


def photo(width: int, height: int) -> Image.Image:
    """Something with areas, slopes and noise, always the same."""
    across = Image.linear_gradient("L").resize((width, height))
    around = Image.radial_gradient("L").resize((width, height))
    return Image.merge("RGB", (across, around, ImageChops.invert(across).rotate(90).resize((width, height))))
