"""One image: from its file to the pixels that a model is shown."""

from typing import BinaryIO

from PIL import AvifImagePlugin, Image, JpegImagePlugin

from .colour import in_srgb
from .conversion import flattened, orientation, upright
from .headers import check_size, open_checked
from .refusal import RefusalError
from .sizes import fitted

# One image has one core: its processor time is limited, and the model wants the others.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def decode_image(file: BinaryIO, side: int, max_pixels: int) -> Image.Image:
    """The image, or the first frame of several, as RGB with a longer side of at most `side`.

    Resized by LANCZOS: of Pillow's filters it keeps small text most legible. Raises RefusalError, and MemoryError.
    """
    image = open_checked(file, max_pixels)
    size = fitted(*image.size, side)
    box: tuple[float, float, float, float] | None = None
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        # Decoded at a half, a quarter or an eighth, but at least twice as large as it will be: half the time and a
        # quarter of the memory, and on average 1 of 255 off a full decoding (LANCZOS and BICUBIC are 2.5 apart).
        _, box = image.draft(None, (2 * size[0], 2 * size[1])) or (None, None)
    try:
        lies = orientation(image)
        image.load()
        check_size(*image.size, max_pixels)
        plain = flattened(image)
    except (RefusalError, MemoryError):
        raise
    except Exception as error:  # Pillow's readers raise any, and each means the same
        raise RefusalError("The image is truncated or damaged.") from error
    if plain.size != size:
        plain = plain.resize(size, Image.Resampling.LANCZOS, box)
    return upright(in_srgb(plain, image.info.get("icc_profile")), lies)
