"""Files that mean harm: each is refused with a word that a client understands, and a good one is decoded after it."""

import io
import os
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from images_support import GOOD, Spool, encoded, photo, spool
from mlxfleet_worker.images.limits import Limits
from pdf_files import RED, huge_image, many_groups, nested_streams, page_of, pages_of, recursive_form

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spool]:
    """Gives each image one second."""
    with spool(tmp_path_factory.mktemp("spool"), Limits(cpu_seconds=1.0)) as made:
        yield made


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int, data: bytes, *chunks: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """Compressed, 1000 in one: the same megabyte again and again, so that it is written at once."""
    compressor = zlib.compressobj(9, wbits=-15)
    block = compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    blocks = count >> 20
    checksum = (blocks << 20) % 65521 << 16 | 1
    return b"\x78\xda" + block * blocks + b"\x03\x00" + struct.pack(">I", checksum)


def test_compressed_zeros_are_what_they_say() -> None:
    assert zlib.decompress(zeros(3 << 20)) == bytes(3 << 20)


def resized_jpeg(width: int, height: int) -> bytes:
    """A JPEG whose header says so."""
    content = encoded(Image.new("RGB", (16, 16)), "JPEG")
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


def resized_webp(width: int, height: int) -> bytes:
    """A lossless WebP whose header says so."""
    content = encoded(Image.new("RGB", (16, 16)), "WEBP", lossless=True)
    bits = (width - 1) | (height - 1) << 14
    return content[:21] + struct.pack("<I", bits) + content[25:]


def extended_webp(width: int, height: int) -> bytes:
    """An animated WebP whose canvas says so."""
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    return content[:24] + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + content[30:]


def resized_gif(width: int, height: int) -> bytes:
    """A GIF whose screen is so large."""
    content = encoded(Image.new("P", (16, 16)), "GIF")
    return content[:6] + struct.pack("<HH", width, height) + content[10:]


def resized_avif(width: int, height: int) -> bytes:
    """An AVIF whose image says so."""
    content = encoded(Image.new("RGB", (16, 16)), "AVIF")
    place = content.index(b"ispe") + 8
    return content[:place] + struct.pack(">II", width, height) + content[place + 8 :]


@pytest.mark.parametrize(
    "content",
    [
        png_of(10_001, 10_001, zeros(10_001 * 30_004)),
        resized_jpeg(10_001, 10_001),
        resized_webp(10_001, 10_001),
        extended_webp(10_001, 10_001),
        resized_gif(10_001, 10_001),
        resized_avif(10_001, 10_001),
    ],
    ids=["png", "jpeg", "webp", "animated webp", "gif", "avif"],
)
def test_too_many_pixels_are_told_from_the_header(files: Spool, content: bytes) -> None:
    error = files.refusal(content)
    assert error.kind == "media_too_large"
    assert "100,020,001 pixels (10,001 x 10,001)" in error.message
    assert "50,000,000" in error.message


def test_the_most_pixels_that_are_taken(files: Spool) -> None:
    content = encoded(Image.new("1", (7072, 7070)))
    assert files.image(content).size == (768, 768)
    error = files.refusal(encoded(Image.new("1", (7072, 7072))))
    assert error.kind == "media_too_large"


@pytest.mark.parametrize(
    "content",
    [png_of(40_000_000, 1, b""), png_of(1, 65_536, b""), extended_webp(1, 70_000)],
    ids=["line", "column", "webp"],
)
def test_strips_are_refused(files: Spool, content: bytes) -> None:
    error = files.refusal(content)
    assert error.kind == "media_too_large"
    assert "65,500" in error.message


@pytest.mark.parametrize("size", [(2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (2**32 - 1, 2**32 - 1)])
def test_sizes_that_overflow(files: Spool, size: tuple[int, int]) -> None:
    assert files.refusal(png_of(*size, b"")).kind in ("media", "media_too_large")


@pytest.mark.parametrize(
    "content",
    [png_of(0, 5, b""), png_of(5, 0, b""), resized_jpeg(0, 16), resized_jpeg(16, 0), resized_gif(0, 0)[:13] + b";"],
    ids=["no width", "no height", "jpeg without width", "jpeg without height", "gif without frames"],
)
def test_no_pixels(files: Spool, content: bytes) -> None:
    assert files.refusal(content).kind == "media"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_truncated_files(files: Spool, format: str, part: float) -> None:
    content = encoded(photo(200, 150), format)
    error = files.refusal(content[: int(len(content) * part)])
    assert error.kind == "media"
    assert "damaged" in error.message


@pytest.mark.parametrize("place", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("filling", [b"\0", b"\xff"])
def test_a_png_with_other_pixels_than_were_written(files: Spool, place: float, filling: bytes) -> None:
    content = bytearray(encoded(photo(200, 150), "PNG"))
    at = int(len(content) * place)
    content[at : at + 40] = filling * 40
    assert "damaged" in files.refusal(bytes(content)).message


@pytest.mark.parametrize("progressive", [False, True])
def test_a_large_jpeg_of_which_the_end_is_missing(files: Spool, progressive: bool) -> None:
    """Decoded at a half too, where rows are left out."""
    content = encoded(photo(3000, 2000), "JPEG", progressive=progressive)
    for missing in (100, len(content) // 10):
        assert "truncated" in files.refusal(content[:-missing]).message


@pytest.mark.parametrize("format", FORMATS)
def test_headers_and_nothing_else(files: Spool, format: str) -> None:
    content = encoded(photo(200, 150), format)
    for length in (12, 16, 24, 30, 40):
        assert files.refusal(content[:length]).kind == "media"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"\0", "none of the formats"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", "none of the formats"),
        (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "none of the"),
        (encoded(Image.new("RGB", (4, 4)), "BMP"), "none of the formats"),
        (encoded(Image.new("RGB", (4, 4)), "TIFF"), "none of the formats"),
        (encoded(Image.new("RGB", (4, 4)), "ICO"), "none of the formats"),
        (encoded(Image.new("RGB", (4, 4)), "EPS"), "none of the formats"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (w) file", "none of the formats"),
        (b"P6 4 4 255 " + bytes(48), "none of the formats"),
        (pages_of([RED]), "is a PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(100), "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + bytes(100), "video"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif" + bytes(100), "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "damaged"),
        (b"\xff\xd8\xff" + bytes(100), "damaged"),
        (b"GIF89a" + bytes(100), "damaged"),
        (b"RIFF\0\0\0\0WEBP" + bytes(100), "damaged"),
        (b"RIFF\0\0\0\0WEBPVP8L" + bytes(100), "damaged"),
    ],
)
def test_what_is_no_image(files: Spool, content: bytes, word: str) -> None:
    error = files.refusal(content)
    assert error.kind == "media"
    assert word in error.message


def many_branded_avif(brands: int) -> bytes:
    """An AVIF of 16 x 16 pixels that says so in the last of so many brands; the first is of all files of its family."""
    content = encoded(Image.new("RGB", (16, 16)), "AVIF")
    size = int.from_bytes(content[:4], "big")
    head = struct.pack(">I", 12 + 4 * brands) + b"ftypmif1" + bytes(4) + b"miaf" * (brands - 2) + b"avif"
    place = content.index(b"iloc") + 18
    moved = int.from_bytes(content[place : place + 4], "big") + len(head) - size
    return head + content[size:place] + struct.pack(">I", moved) + content[place + 4 :]


def test_an_avif_may_have_as_many_brands_as_the_agent_reads(files: Spool) -> None:
    most = many_branded_avif(61)
    assert most.index(b"avif") == 252
    assert files.image(most).size == (16, 16)


def test_files_of_two_kinds_are_images_and_nothing_else(files: Spool) -> None:
    script = b"/*" + encoded(Image.new("P", (8, 8)), "GIF")[2:]
    assert files.refusal(script).kind == "media"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("evil.js", "alert(1)")
    for kind in ("GIF", "PNG", "JPEG"):
        both = encoded(Image.new("RGB", (8, 8), (9, 9, 9)), kind) + archive.getvalue()
        assert files.image(both).size == (8, 8)
    jpeg = encoded(Image.new("RGB", (8, 8), (9, 9, 9)), "JPEG")
    comment = b"\xff\xfe" + struct.pack(">H", 1200) + page_of(RED).ljust(1198)
    assert files.image(jpeg[:2] + comment + jpeg[2:]).getpixel((4, 4)) == pytest.approx((9, 9, 9), abs=2)


def test_a_small_image_with_a_gigabyte_behind_its_pixels(files: Spool) -> None:
    assert files.image(png_of(4, 4, zeros(1 << 30))).size == (4, 4)


def text_bombs() -> dict[str, bytes]:
    """Metadata that becomes a thousand times as large."""
    rows = zlib.compress(bytes(13 * 4))
    bomb = zeros(200 << 20)
    profile = png_chunk(b"iCCP", b"p\0\0" + bomb)
    return {
        "zTXt": png_of(4, 4, rows, png_chunk(b"zTXt", b"a\0\0" + bomb)),
        "iTXt": png_of(4, 4, rows, png_chunk(b"iTXt", b"a\0\1\0\0\0" + bomb)),
        "iCCP": png_of(4, 4, rows, profile),
        "many": png_of(4, 4, rows, *[png_chunk(b"zTXt", b"a%d\0\0" % each + zeros(1 << 20)) for each in range(200)]),
    }


@pytest.mark.parametrize("name", ["zTXt", "iTXt", "iCCP", "many"])
def test_bombs_in_metadata(files: Spool, name: str) -> None:
    assert files.refusal(text_bombs()[name]).kind == "media"


def exif_of(entries: int, count: int) -> bytes:
    """An EXIF block of entries that each say to have so many values, and whose directory follows itself."""
    each = struct.pack("<HHII", 0x010E, 2, count, 8)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", entries) + each * entries + struct.pack("<I", 8)


@pytest.mark.parametrize(("entries", "count"), [(5000, 60_000), (1, 2**32 - 1), (65535, 1)])
def test_bombs_in_exif_are_no_matter(files: Spool, entries: int, count: int) -> None:
    content = encoded(Image.new("RGB", (8, 8), (1, 2, 3)), "PNG", exif=exif_of(entries, count))
    assert files.image(content).getpixel((0, 0)) == (1, 2, 3)


def test_a_large_comment_is_no_matter(files: Spool) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "x" * 5_000_000)
    assert files.image(encoded(Image.new("RGB", (8, 8), (1, 2, 3)), pnginfo=info)).getpixel((0, 0)) == (1, 2, 3)


def scans_jpeg(count: int) -> bytes:
    """A progressive JPEG of 36 million pixels whose last scan comes so often, in 10 bytes each."""
    content = encoded(Image.new("L", (6000, 6000)), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * count + b"\xff\xd9"


def test_a_jpeg_of_thousands_of_scans_takes_too_long(hasty: Spool) -> None:
    error = hasty.refusal(scans_jpeg(3000))
    assert error.kind == "media"
    assert error.message == "The image takes too long to decode."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (many_groups(3000), ["takes too long to decode"]),
        (recursive_form(), ["takes too", "ended the decoder"]),
    ],
    ids=["transparent groups", "recursive form"],
)
def test_documents_without_end(hasty: Spool, content: bytes, words: list[str]) -> None:
    error = hasty.refusal(content, kind="pdf")
    assert error.kind == "media"
    assert any(word in error.message for word in words)


@pytest.mark.parametrize(
    "content",
    [
        huge_image(50_000, zeros(2_500_000_000)),
        huge_image(50_000, zlib.compress(bytes(1000))),
        nested_streams(50_000_000),
        page_of(b"[" * 1_000_000),
        page_of(b"q " * 1_000_000),
        page_of(b"", catalog=b"/X " + b"[" * 100_000 + b"]" * 100_000),
    ],
    ids=["huge image", "huge image without data", "nested streams", "arrays", "states", "nested objects"],
)
def test_bombs_in_documents_end_in_time_and_within_memory(files: Spool, content: bytes) -> None:
    """PDFium comes through each as it is today: blank, black or broken, they are no matter."""
    [page] = files.pages(content)
    assert page.size == (400, 200)
    files.check_works()


def test_a_count_of_pages_beyond_all_memory_is_not_believed(files: Spool) -> None:
    content = pages_of([RED]).replace(b"/Count 1", b"/Count 2147483647")
    assert len(files.pages(content)) == 1


def test_pages_that_hold_themselves(files: Spool) -> None:
    content = pages_of([RED]).replace(b"/Kids[4 0 R]", b"/Kids[2 0 R]")
    assert files.refusal(content, kind="pdf").kind == "media"


def outside(folder: Path) -> Path:
    path = folder.parent / "outside.png"
    path.write_bytes(GOOD)
    return path


def make_link(folder: Path) -> Path:
    path = folder / "link"
    path.symlink_to(outside(folder))
    return path


def make_linked_folder(folder: Path) -> Path:
    path = folder / "folder-link"
    path.symlink_to(folder.parent)
    return path / outside(folder).name


def make_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def make_folder(folder: Path) -> Path:
    (folder / "folder").mkdir()
    return folder / "folder"


def make_beside(folder: Path) -> Path:
    beside = folder.with_name(folder.name + "-2")
    beside.mkdir()
    (beside / "good.png").write_bytes(GOOD)
    return beside / "good.png"


@pytest.mark.parametrize(
    "make",
    [
        outside,
        lambda folder: folder / ".." / outside(folder).name,
        make_link,
        make_linked_folder,
        make_pipe,
        make_folder,
        make_beside,
        lambda folder: folder,
        lambda folder: folder / "vanished",
        lambda _: Path("/etc/passwd"),
        lambda _: Path("/dev/zero"),
        lambda _: Path("relative"),
        lambda folder: folder / "zero\0byte",
        lambda folder: folder / ("long" * 100),
    ],
)
@pytest.mark.parametrize("kind", ["image", "pdf"])
def test_only_regular_files_of_the_folder_are_opened(tmp_path: Path, make: Callable[[Path], Path], kind: str) -> None:
    with spool(tmp_path / "spool") as files:
        error = files.refusal(files.medium_at(make(tmp_path / "spool"), kind=kind))
        assert error.kind == "internal"
        assert str(tmp_path) not in error.message


def test_a_folder_that_is_reached_by_a_link_is_the_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with spool(tmp_path / "link") as files:
        files.check_works()
        medium = files.medium(GOOD)
        assert files.decode(files.medium_at(tmp_path / "real" / Path(medium.path).name))


@pytest.mark.parametrize("kind", ["image", "pdf"])
def test_a_file_that_is_larger_than_memory(files: Spool, kind: str) -> None:
    medium = files.medium(encoded(photo(8, 8), "AVIF")[:200] if kind == "image" else b"%PDF-1.7\n", kind=kind)
    os.truncate(medium.path, 1 << 38)
    assert files.refusal(medium).kind == "media"


def resident_bytes() -> int:
    """What this process, which stands for the worker, has in memory."""
    rss = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, check=True).stdout
    return int(rss) * 1024


def test_hundreds_of_bombs_leave_the_worker_as_it_was(hasty: Spool) -> None:
    bombs = [
        (png_of(10_001, 10_001, zeros(1 << 20)), "image"),
        (resized_avif(30_000, 30_000), "image"),
        (extended_webp(16_000, 16_000), "image"),
        (text_bombs()["zTXt"], "image"),
        (encoded(photo(300, 300), "JPEG")[:-500], "image"),
        (pages_of([RED]).replace(b"/Kids[4 0 R]", b"/Kids[2 0 R]"), "pdf"),
    ]
    media = [hasty.medium(content, kind=kind) for content, kind in bombs]
    for each in media:
        hasty.refusal(each)
    before = resident_bytes()
    for turn in range(200):
        hasty.refusal(media[turn % len(media)])
    hasty.refusal(hasty.medium(recursive_form(), kind="pdf"))
    assert resident_bytes() - before < 20 << 20
