"""PDF files written by hand (ISO 32000-1): good ones, odd ones, and those that mean harm."""

import hashlib
import zlib
from collections.abc import Sequence

RED = b"1 0 0 rg 0 0 10000 10000 re f"
GREEN = b"0 1 0 rg 0 0 10000 10000 re f"
BLUE = b"0 0 1 rg 0 0 10000 10000 re f"
PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
"""What passwords are filled up with (7.6.3.3)."""


def file_of(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A file of these objects, numbered from 1, of which the first is the catalog."""
    content = b"%PDF-1.7\n"
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        content
        + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n"
        % (
            size,
            table,
            size,
            trailer,
            len(content),
        )
    )


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(data), entries, data)


def page_of(
    content: bytes,
    entries: bytes = b"",
    box: bytes = b"0 0 200 100",
    more: Sequence[bytes] = (),
    catalog: bytes = b"",
    trailer: bytes = b"",
) -> bytes:
    """A document of one page with this content stream (object 4); `more` are the objects from 5 on."""
    return file_of(
        [
            b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog,
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 4 0 R%s>>" % (box, entries),
            content if content.endswith(b"endstream") else stream(content),
            *more,
        ],
        trailer,
    )


def pages_of(contents: Sequence[bytes], count: int | None = None) -> bytes:
    """A document of pages 200 x 100 points with these contents: the same ones again and again up to `count`."""
    count = len(contents) if count is None else count
    first = 3 + len(contents)
    kids = b" ".join(b"%d 0 R" % (first + page) for page in range(count))
    return file_of(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count),
            *(stream(each) for each in contents),
            *(
                b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents %d 0 R>>" % (3 + page % len(contents))
                for page in range(count)
            ),
        ]
    )


def encrypted(content: bytes, password: bytes) -> bytes:
    """A document of one page, encrypted with RC4 of 40 bits: for a password of the reader, or empty for none."""
    identity = b"0123456789abcdef"
    owner = b"o" * 32
    key = hashlib.md5((password + PADDING)[:32] + owner + b"\xfc\xff\xff\xff" + identity).digest()[:5]
    per_object = hashlib.md5(key + (4).to_bytes(3, "little") + bytes(2)).digest()[:10]
    entries = (owner.hex().encode(), _rc4(key, PADDING).hex().encode())
    return page_of(
        stream(_rc4(per_object, content)),
        trailer=b"/Encrypt<</Filter/Standard/V 1/R 2/Length 40/P -4/O<%s>/U<%s>>>/ID[<%s><%s>]"
        % (*entries, identity.hex().encode(), identity.hex().encode()),
    )


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    other = 0
    for place in range(256):
        other = (other + state[place] + key[place % len(key)]) % 256
        state[place], state[other] = state[other], state[place]
    place = other = 0
    result = bytearray()
    for byte in data:
        place = (place + 1) % 256
        other = (other + state[place]) % 256
        state[place], state[other] = state[other], state[place]
        result.append(byte ^ state[(state[place] + state[other]) % 256])
    return bytes(result)


def recursive_form() -> bytes:
    """Draws itself twice, without end: takes memory until there is none."""
    return page_of(
        b"/F Do",
        b"/Resources<</XObject<</F 5 0 R>>>>",
        more=[stream(b"/F Do /F Do", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>")],
    )


def many_groups(count: int) -> bytes:
    """Draws so many transparent groups over one another: 10 ms each."""
    return page_of(
        b"/G gs " + b"/F Do " * count,
        b"/Resources<</ExtGState<</G<</ca .5/BM/Multiply>>>>/XObject<</F 5 0 R>>>>",
        more=[
            stream(
                b"1 0 0 rg 0 0 200 100 re f",
                b"/Type/XObject/Subtype/Form/BBox[0 0 200 100]/Group<</S/Transparency/I true/K true>>",
            )
        ],
    )


def huge_image(side: int, data: bytes) -> bytes:
    """Draws an image of so many pixels to a side, which is black as far as there is data."""
    entries = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8" % (side, side)
    return page_of(
        b"q 200 0 0 100 0 0 cm /I Do Q",
        b"/Resources<</XObject<</I 5 0 R>>>>",
        more=[stream(data, entries + b"/Filter/FlateDecode")],
    )


def nested_streams(count: int) -> bytes:
    """A content stream of so many bytes, compressed twice."""
    data = zlib.compress(zlib.compress(b"0" * count, 9), 9)
    return page_of(stream(data, b"/Filter[/FlateDecode/FlateDecode]"))
