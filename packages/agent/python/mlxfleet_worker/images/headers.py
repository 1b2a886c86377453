"""What a file says of itself, checked before any of its pixels is decoded."""

from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
    features,
)

from .limits import MAX_SOURCE_SIDE
from .refusal import DAMAGED, RefusalError

READERS = (AvifImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
"""Loaded here: where one is missing, Pillow loads those of all formats that it knows."""

AVIF_BRANDS = (b"avif", b"avis")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")

HEAD_BYTES = 256
"""Enough for the brands that a file of the HEIF family says to be compatible with: the agent looks at as many."""

Image.MAX_IMAGE_PIXELS = None
"""Pillow's own check comes at its own numbers, and its message names none that a client could act on."""


def open_checked(file: BinaryIO, max_pixels: int) -> ImageFile.ImageFile:
    """Open an image of at most so many pixels, whose pixels are still encoded. Raises RefusalError."""
    head = file.read(HEAD_BYTES)
    name = _format(head)
    if name == "WEBP":
        # Pillow's reader makes room for all pixels as it opens the file.
        check_size(*_webp_size(head), max_pixels)
    try:
        image = Image.open(file, formats=[name])
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise any, and each means the same
        raise RefusalError(f"The image's {name} header is damaged.") from error
    check_size(*image.size, max_pixels)
    return _checked_png(image, file) if name == "PNG" else image


def _checked_png(image: ImageFile.ImageFile, file: BinaryIO) -> ImageFile.ImageFile:
    """The same image once more, after the checksums of all chunks: decoding looks at none of those of pixels."""
    try:
        image.verify()
    except Exception as error:  # Pillow's readers raise any, and each means the same
        raise RefusalError(DAMAGED) from error
    file.seek(0)
    return Image.open(file, formats=["PNG"])


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise RefusalError for a size in pixels that is not decoded."""
    if width < 1 or height < 1:
        raise RefusalError(f"The image has no pixels: it is {width:,} x {height:,}.")
    if width * height > max_pixels:
        raise RefusalError(
            f"The image has {width * height:,} pixels ({width:,} x {height:,}), and at most {max_pixels:,} are taken: "
            "`images.max_pixels`.",
            "media_too_large",
        )
    if max(width, height) > MAX_SOURCE_SIDE:
        raise RefusalError(
            f"The image is {width:,} x {height:,} pixels, and neither side may have more than {MAX_SOURCE_SIDE:,}.",
            "media_too_large",
        )


def _format(head: bytes) -> str:
    """Pillow's name of the format. Raises RefusalError."""
    if not head:
        raise RefusalError("The image is empty.")
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _heif_format(head)
    if b"%PDF-" in head:
        raise RefusalError("The image is a PDF. Documents are sent as a part of the type `file`.")
    raise RefusalError("The image is in none of the formats PNG, JPEG, WebP, GIF and AVIF.")


def _heif_format(head: bytes) -> str:
    """AVIF and HEIC are two of a family: the brands tell which."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[start : start + 4] for start in range(16, end - 3, 4))]
    if any(brand in AVIF_BRANDS for brand in brands):
        if not features.check("avif"):
            raise RefusalError("This host cannot decode AVIF. Convert the image to JPEG or PNG.")
        return "AVIF"
    if any(brand in HEIF_BRANDS for brand in brands):
        raise RefusalError("The image is in the format HEIC, which is not decoded. Convert it to JPEG.")
    raise RefusalError("The image is a video or in an unknown format. PNG, JPEG, WebP, GIF and AVIF are taken.")


def _webp_size(head: bytes) -> tuple[int, int]:
    """Width and height in pixels (RFC 9649, section 2). Raises RefusalError."""
    kind = head[12:16]
    if kind == b"VP8X" and len(head) >= 30:
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and len(head) >= 30:
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    raise RefusalError("The image's WEBP header is damaged.")
