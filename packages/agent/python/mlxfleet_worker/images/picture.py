"""One image: from its file to the pixels that a model is shown."""

from typing import BinaryIO

from PIL import AvifImagePlugin, Image, JpegImagePlugin

from .colour import in_srgb
from .conversion import flattened, orientation, upright
from .headers import check_size, open_checked
from .refusal import DAMAGED, RefusalError
from .sizes import fitted

# One image has one core: its processor time is limited, and the model wants the others.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

DRAFT_FACTOR = 1.75
"""How many times as large as its result a JPEG is decoded at the least: photos of 12 megapixels for 1024 at a half."""


def decode_image(file: BinaryIO, side: int, max_pixels: int) -> Image.Image:
    """The image, or the first frame of several, as RGB with a longer side of at most `side`.

    Resized by LANCZOS: of Pillow's filters it keeps small text most legible. Raises RefusalError, and MemoryError.
    """
    image = open_checked(file, max_pixels)
    size = fitted(*image.size, side)
    box: tuple[float, float, float, float] | None = None
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        # At a half, a quarter or an eighth, where that is still much larger than it will be: less than half the time, a
        # quarter of the memory, and at most 1.5 of 255 off a full decoding on average (BICUBIC is 2.5 off LANCZOS).
        least = (int(DRAFT_FACTOR * size[0]), int(DRAFT_FACTOR * size[1]))
        _, box = image.draft(None, least) or (None, None)
    try:
        lies = orientation(image)
        image.load()
        check_size(*image.size, max_pixels)
        plain = flattened(image)
    except (RefusalError, MemoryError):
        raise
    except Exception as error:  # Pillow's readers raise any, and each means the same
        raise RefusalError(DAMAGED) from error
    if plain.size != size:
        plain = plain.resize(size, Image.Resampling.LANCZOS, box)
    return upright(in_srgb(plain, image.info.get("icc_profile")), lies)
