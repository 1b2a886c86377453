"""Images and documents of every kind that the tests send: good ones, broken ones, and those that mean harm.

Needs Pillow and PDFium, which are in the vision environment, and `pdf_files` of the worker's own tests.
Usage: python make_files.py FOLDER
"""

import io
import random
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import pypdfium2
from PIL import Image

from pdf_files import RED, encrypted, file_of, many_groups, page_of, pages_of, recursive_form, stream

SIDE = 96


def photo(seed: int) -> Image.Image:
    """Coarse noise: no two seeds give images that look alike, and no codec makes it small."""
    return Image.frombytes("RGB", (12, 12), random.Random(seed).randbytes(3 * 144)).resize((SIDE, SIDE))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int, data: bytes, *chunks: bytes) -> bytes:
    """A PNG of 8-bit RGB; nothing looks at whether the data is as much as the header says."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zeros(megabytes: int) -> bytes:
    """Compressed, 1000 in one: the same megabyte again and again, so that it is written at once."""
    compressor = zlib.compressobj(9, wbits=-15)
    block = compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = (megabytes << 20) % 65521 << 16 | 1
    return b"\x78\xda" + block * megabytes + b"\x03\x00" + struct.pack(">I", checksum)


def jpeg_of(width: int, height: int) -> bytes:
    """A small JPEG whose header says that it is so large."""
    content = encoded(photo(1), "JPEG")
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


def corrupted(content: bytes, kind: str) -> bytes:
    """The image with wrong bytes where its reader has to notice them."""
    if kind == "png":
        # What its header says is checked by a sum.
        return content[:17] + b"\x01" + content[18:]
    third = len(content) // 3
    return content[:third] + b"\xff" * third + content[2 * third :]


def good_files() -> dict[str, bytes]:
    """The same image in each format, and documents."""
    image = photo(1)
    kinds = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "gif": "GIF"}
    return {f"good.{ending}": encoded(image, kind) for ending, kind in kinds.items()} | {
        "lossless.webp": encoded(image, "WEBP", lossless=True),
        "secret.pdf": encrypted(RED, b"secret"),
        "10000-pages.pdf": pages_of([RED, b"0 0 1 rg 0 0 100 100 re f"], 10_000),
        "report.pdf": report(),
    }


def broken_files() -> dict[str, bytes]:
    """Cut short, and with wrong bytes inside; each format has its own reader."""
    broken: dict[str, bytes] = {}
    for name, content in good_files().items():
        stem, _, kind = name.partition(".")
        if stem == "good":
            broken[f"truncated.{kind}"] = content[: len(content) // 2]
            broken[f"corrupt.{kind}"] = corrupted(content, kind)
    return broken


def bombs() -> dict[str, bytes]:
    """Small files that become large, or take long."""
    rows = zlib.compress(bytes(4 * 13))
    return {
        # 1.2 GB of pixels, which are all there.
        "bomb.png": png_of(20_000, 20_000, zeros(1145)),
        "bomb-text.png": png_of(4, 4, rows, chunk(b"zTXt", b"a\0\0" + zeros(200))),
        "bomb.jpg": jpeg_of(65_500, 65_500),
        "10001.png": png_of(10_001, 10_001, zeros(287)),
        "10001.jpg": jpeg_of(10_001, 10_001),
        "bomb-memory.pdf": recursive_form(),
        "bomb-time.pdf": many_groups(20_000),
    }


def polyglots() -> dict[str, bytes]:
    """Files that another program would read as something else."""
    script = b"=1;alert(document.domain);//"
    jpeg = encoded(photo(1), "JPEG")
    document = page_of(RED)
    return {
        "script.gif": b"GIF89a" + script + bytes(64),
        "script-behind.gif": encoded(photo(1), "GIF") + b"/*" + script + b"*/",
        "document-behind.jpg": jpeg + document,
        "document-inside.jpg": jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(document) + 2) + document + jpeg[2:],
    }


def report(count: int = 8) -> bytes:
    """A document whose pages look different: a pattern and a number on each."""
    first = 3 + count
    kids = b" ".join(b"%d 0 R" % (first + page) for page in range(count))
    fonts = b"/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
    return file_of(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[%s]/Count %d/MediaBox[0 0 200 200]%s>>" % (kids, count, fonts),
            *(stream(_drawing(page)) for page in range(count)),
            *(b"<</Type/Page/Parent 2 0 R/Contents %d 0 R>>" % (3 + page) for page in range(count)),
        ]
    )


def _drawing(page: int) -> bytes:
    dice = random.Random(page)
    squares = [
        b"%.2f %.2f %.2f rg %d %d 25 25 re f" % (dice.random(), dice.random(), dice.random(), left, bottom)
        for left in range(0, 200, 25)
        for bottom in range(0, 200, 25)
    ]
    return b"\n".join([*squares, b"BT /F 120 Tf 0 g 60 60 Td (%d) Tj ET" % (page + 1)])


def main() -> None:
    folder = Path(sys.argv[1])
    files = good_files() | broken_files() | bombs() | polyglots()
    for number, page in enumerate(pypdfium2.PdfDocument(files["report.pdf"]), 1):
        files[f"page-{number}.png"] = encoded(page.render(scale=1.5).to_pil(), "PNG")
    for name, content in files.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
