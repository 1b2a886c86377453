"""Pixels of any kind as opaque ones of 8 bits, and the right way up."""

from PIL import ExifTags, Image

TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings an image of each EXIF orientation upright (Exif 2.32, tag 0x0112)."""


def flattened(image: Image.Image) -> Image.Image:
    """The image as L, RGB or CMYK: whatever is transparent lies on white, 16 bits are scaled to 8.

    White is what viewers and the web show behind an image, and what documents are drawn on. 16 bits lose their lower
    byte, as Pillow does it when it reads 16-bit colour. Those of grey it would clip.
    """
    if image.mode.startswith("I;16"):
        return _of_8_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A"))
        return ground
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _of_8_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits, of which one value may stand for nothing, as L."""
    wide = image.convert("I")
    grey = wide.point([value >> 8 for value in range(1 << 16)], "L")
    nothing = image.info.get("transparency")
    if nothing is not None:
        grey.paste(255, mask=wide.point([255 * (value == nothing) for value in range(1 << 16)], "L"))
    return grey


def orientation(image: Image.Image) -> int:
    """How the image's EXIF (or XMP) says that it lies, 1 to 8; 1 where what it says cannot be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # malformed in as many ways as there are cameras, and the image is none the worse for it
        return 1
    return value if value in TRANSPOSITIONS else 1


def upright(image: Image.Image, lies: int) -> Image.Image:
    """The image turned from this orientation."""
    return image.transpose(TRANSPOSITIONS[lies]) if lies in TRANSPOSITIONS else image
