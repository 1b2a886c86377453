"""Whatever an image's pixels are, the model is shown the colours that a viewer shows."""

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from images_support import Spool, encoded, largest_difference, mean_difference, photo, spool

WHITE = (255, 255, 255)


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of kinds that Pillow does not write. `rows` are unfiltered, each behind a zero."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def pixels(image: Image.Image) -> list[tuple[int, ...]]:
    values = image.tobytes()
    return [tuple(values[start : start + 3]) for start in range(0, len(values), 3)]


def profile(red: str, green: str, blue: str) -> bytes:
    """An ICC profile of RGB with sRGB's primaries in this order and a gamma of 2.2 (ICC.1:2001-04)."""
    primaries = {"red": (0.4361, 0.2225, 0.0139), "green": (0.3851, 0.7169, 0.0971), "blue": (0.1431, 0.0606, 0.7141)}

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(each * 65536)) for each in values)

    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + b"\0" * 78,
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        b"rXYZ": xyz(primaries[red]),
        b"gXYZ": xyz(primaries[green]),
        b"bXYZ": xyz(primaries[blue]),
    } | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0")
    table, data = b"", b""
    for name, value in tags.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(data), len(value))
        data += value + b"\0" * (-len(value) % 4)
    body = struct.pack(">I", len(tags)) + table + data
    head = struct.pack(
        ">I4sI4s4s4s12s4s28s", 128 + len(body), b"", 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"", b"acsp", b""
    )
    return head + xyz((0.9642, 1.0, 0.8249))[8:] + b"\0" * 48 + body


RED_IS_GREEN = profile("green", "red", "blue")


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF"])
def test_colours_without_loss_come_through(files: Spool, format: str) -> None:
    image = Image.new("RGB", (3, 1))
    for x, colour in enumerate([(255, 0, 0), (0, 128, 0), (1, 2, 3)]):
        image.putpixel((x, 0), colour)
    content = encoded(image, format, **({"lossless": True} if format == "WEBP" else {}))
    assert files.image(content).tobytes() == image.tobytes()


@pytest.mark.parametrize(("format", "tolerance"), [("JPEG", 2), ("AVIF", 3), ("WEBP", 3)])
def test_colours_with_loss_come_through(files: Spool, format: str, tolerance: int) -> None:
    image = photo(320, 200)
    content = encoded(image, format, quality=95)
    assert mean_difference(files.image(content), image) < tolerance


def test_grey_and_black_and_white(files: Spool) -> None:
    grey = Image.frombytes("L", (3, 1), bytes([0, 100, 255]))
    assert pixels(files.image(encoded(grey))) == [(0,) * 3, (100,) * 3, WHITE]
    assert pixels(files.image(encoded(Image.frombytes("1", (2, 1), b"\x40")))) == [(0,) * 3, WHITE]


@pytest.mark.parametrize(("depth", "byte", "values"), [(2, 0b00011011, (0, 85, 170, 255)), (4, 0x3A, (51, 170))])
def test_grey_of_few_bits(files: Spool, depth: int, byte: int, values: tuple[int, ...]) -> None:
    content = png(len(values), 1, depth, 0, bytes([0, byte]))
    assert pixels(files.image(content)) == [(each,) * 3 for each in values]


def test_grey_of_16_bits_is_scaled_and_not_clipped(files: Spool) -> None:
    values = (0, 255, 256, 32768, 51400, 65535)
    content = png(len(values), 1, 16, 0, b"\0" + struct.pack(f">{len(values)}H", *values))
    assert pixels(files.image(content)) == [(each >> 8,) * 3 for each in values]


def test_colour_of_16_bits(files: Spool) -> None:
    content = png(2, 1, 16, 2, b"\0" + struct.pack(">6H", 0, 32768, 65535, 51400, 257, 256))
    assert pixels(files.image(content)) == [(0, 128, 255), (200, 1, 1)]


def test_grey_and_colour_of_16_bits_with_alpha(files: Spool) -> None:
    colour = png(2, 1, 16, 6, b"\0" + struct.pack(">8H", 65535, 0, 0, 65535, 0, 0, 0, 0))
    assert pixels(files.image(colour)) == [(255, 0, 0), WHITE]
    grey = png(2, 1, 16, 4, b"\0" + struct.pack(">4H", 25700, 65535, 0, 0))
    assert pixels(files.image(grey)) == [(100, 100, 100), WHITE]


def test_alpha_lies_on_white(files: Spool) -> None:
    image = Image.new("RGBA", (3, 1))
    for x, alpha in enumerate([0, 128, 255]):
        image.putpixel((x, 0), (0, 0, 200, alpha))
    expected = [WHITE, (127, 127, 227), (0, 0, 200)]
    assert pixels(files.image(encoded(image))) == expected
    assert pixels(files.image(encoded(image, "WEBP", lossless=True, exact=True))) == expected
    avif = files.image(encoded(image.resize((96, 32), Image.Resampling.NEAREST), "AVIF", quality=100))
    for x, colour in zip((16, 48, 80), expected, strict=True):
        assert avif.getpixel((x, 16)) == pytest.approx(colour, abs=4)


def test_grey_with_alpha(files: Spool) -> None:
    image = Image.new("LA", (2, 1), (60, 0))
    image.putpixel((1, 0), (60, 255))
    assert pixels(files.image(encoded(image))) == [WHITE, (60, 60, 60)]


def test_palettes_with_one_transparent_colour_and_with_alpha_of_each(files: Spool) -> None:
    image = Image.frombytes("P", (3, 1), bytes([0, 1, 2]))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    assert pixels(files.image(encoded(image))) == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert pixels(files.image(encoded(image, transparency=1))) == [(255, 0, 0), WHITE, (0, 0, 255)]
    assert pixels(files.image(encoded(image, "GIF", transparency=1))) == [(255, 0, 0), WHITE, (0, 0, 255)]
    each = files.image(encoded(image, transparency=bytes([0, 255, 128])))
    assert pixels(each) == [WHITE, (0, 255, 0), (127, 127, 255)]


@pytest.mark.parametrize(
    ("depth", "colour", "row", "transparent"),
    [
        (8, 0, bytes([7, 90]), struct.pack(">H", 7)),
        (8, 2, bytes([7, 7, 7, 90, 90, 90]), struct.pack(">3H", 7, 7, 7)),
        (1, 0, bytes([0b01000000]), struct.pack(">H", 0)),
        (16, 0, struct.pack(">2H", 0x0707, 90 << 8), struct.pack(">H", 0x0707)),
    ],
)
def test_a_colour_that_stands_for_nothing(
    files: Spool, depth: int, colour: int, row: bytes, transparent: bytes
) -> None:
    content = png(2, 1, depth, colour, b"\0" + row, (b"tRNS", transparent))
    shown = 255 if depth == 1 else 90
    assert pixels(files.image(content)) == [WHITE, (shown,) * 3]


def test_cmyk_of_print_and_ycck(files: Spool) -> None:
    cyan = Image.new("CMYK", (32, 32), (255, 0, 0, 0))
    assert files.image(encoded(cyan, "JPEG", quality=100)).getpixel((9, 9)) == pytest.approx((0, 255, 255), abs=3)
    dark = Image.new("CMYK", (32, 32), (0, 0, 0, 204))
    assert files.image(encoded(dark, "JPEG", quality=100)).getpixel((9, 9)) == pytest.approx((51, 51, 51), abs=3)


def test_colours_are_shown_as_the_profile_means_them(files: Spool) -> None:
    image = Image.new("RGB", (32, 32), (255, 0, 0))
    for format in ("PNG", "JPEG", "WEBP", "AVIF"):
        shown = files.image(encoded(image, format, icc_profile=RED_IS_GREEN, quality=100))
        assert shown.getpixel((9, 9)) == pytest.approx((0, 255, 0), abs=6)
    white = encoded(Image.new("RGBA", (2, 2), (0, 0, 0, 0)), icc_profile=RED_IS_GREEN)
    assert files.image(white).getpixel((0, 0)) == WHITE


@pytest.mark.parametrize("profile", [b"", b"no profile", b"\0" * 200, b"acsp" * 2_000_000])
def test_a_damaged_profile_is_ignored(files: Spool, profile: bytes) -> None:
    image = Image.new("RGB", (8, 8), (10, 200, 30))
    assert files.image(encoded(image, "WEBP", lossless=True, icc_profile=profile)).tobytes() == image.tobytes()


def test_srgb_itself_changes_nothing(files: Spool) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = photo(64, 64)
    assert files.image(encoded(image, icc_profile=profile)).tobytes() == image.tobytes()


def test_a_profile_of_other_pixels_is_ignored(files: Spool) -> None:
    grey = Image.new("L", (8, 8), 77)
    assert files.image(encoded(grey, icc_profile=RED_IS_GREEN)).getpixel((0, 0)) == (77, 77, 77)


CORNERS = {1: 0, 2: 1, 3: 3, 4: 2, 5: 0, 6: 2, 7: 3, 8: 1}
"""Where of a stored image's corners (left to right, top to bottom) the upper left of the upright one is stored."""


@pytest.mark.parametrize("lies", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_images_are_upright(files: Spool, format: str, lies: int) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    stored = Image.new("RGB", (64, 32))
    for corner, colour in enumerate(colours):
        stored.paste(colour, (corner % 2 * 32, corner // 2 * 16, corner % 2 * 32 + 32, corner // 2 * 16 + 16))
    exif = Image.Exif()
    exif[0x0112] = lies
    image = files.image(encoded(stored, format, exif=exif, quality=100))
    assert image.size == ((64, 32) if lies < 5 else (32, 64))
    assert image.getpixel((3, 3)) == pytest.approx(colours[CORNERS[lies]], abs=12)


def test_an_orientation_that_is_none_changes_nothing(files: Spool) -> None:
    image = photo(40, 20)
    for value in (0, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = value
        assert files.image(encoded(image, exif=exif)).tobytes() == image.tobytes()
    for exif_bytes in (b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12" * 50):
        assert files.image(encoded(image, exif=exif_bytes)).tobytes() == image.tobytes()


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_an_animation_the_first_frame_is_shown(files: Spool, format: str) -> None:
    frames = [Image.new("RGB", (32, 16), colour) for colour in ("red", "green", "blue")]
    content = encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=100)
    assert files.image(content).getpixel((5, 5)) == pytest.approx((255, 0, 0), abs=4)


def test_text_beside_the_pixels_is_no_matter(files: Spool) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "a photo" * 1000, zip=True)
    text.add_itxt("XML:com.adobe.xmp", "<x/>", zip=True)
    image = photo(20, 20)
    assert files.image(encoded(image, pnginfo=text)).tobytes() == image.tobytes()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((768, 768), (768, 768)),
        ((769, 768), (768, 767)),
        ((1536, 1024), (768, 512)),
        ((1000, 3000), (256, 768)),
        ((5000, 1), (768, 1)),
        ((1, 5000), (1, 768)),
        ((65_500, 2), (768, 1)),
        ((1, 1), (1, 1)),
        ((10, 300), (10, 300)),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_the_longer_side_fits_and_the_shape_stays(
    files: Spool, format: str, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    image = files.image(encoded(Image.new("RGB", size, (90, 90, 90)), format, quality=95))
    assert image.size == expected
    assert largest_difference(image, Image.new("RGB", expected, (90, 90, 90))) <= 1


def test_low_detail_is_512_pixels_or_less(files: Spool, tmp_path: Path) -> None:
    content = encoded(photo(2000, 1000))
    assert files.image(content, detail="low").size == (512, 256)
    assert files.image(content, detail="high").size == files.image(content).size == (768, 384)
    with spool(tmp_path / "small", max_side=300) as small:
        assert small.image(content, detail="low").size == small.image(content).size == (300, 150)


@pytest.mark.parametrize("size", [(1537, 1025), (4000, 3000), (3001, 3999)])
def test_a_large_jpeg_is_near_what_a_full_decoding_gives(files: Spool, size: tuple[int, int]) -> None:
    image = photo(*size)
    content = encoded(image, "JPEG", quality=92)
    shown = files.image(content)
    assert mean_difference(shown, image.resize(shown.size, Image.Resampling.LANCZOS)) < 1.5


def test_the_edge_of_what_is_transparent_has_no_dark_seam(files: Spool) -> None:
    """Colours of transparent pixels have no say when an image is made smaller."""
    image = Image.new("RGBA", (1600, 1600), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (400, 400, 1200, 1200))
    assert files.image(encoded(image)).getextrema() == ((255, 255),) * 3
