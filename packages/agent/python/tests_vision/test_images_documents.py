"""Pages of PDFs: which ones, how large, and what is on them."""

import time
from pathlib import Path

import pytest
from PIL import Image

from images_support import GOOD, Spool, spool
from pdf_files import BLUE, GREEN, RED, encrypted, file_of, page_of, pages_of, stream

COLOURS = {(255, 0, 0): "red", (0, 255, 0): "green", (0, 0, 255): "blue"}


def names(pages: list[Image.Image]) -> list[str]:
    return [COLOURS[page.getpixel((page.width // 2, page.height // 2))] for page in pages]  # type: ignore[index]


def test_all_pages_in_their_order(files: Spool) -> None:
    pages = files.pages(pages_of([RED, GREEN, BLUE]))
    assert names(pages) == ["red", "green", "blue"]
    assert {page.size for page in pages} == {(400, 200)}


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        (((2, 2),), ["green"]),
        (((3, 3), (1, 2)), ["blue", "red", "green"]),
        (((1, 2), (2, 3)), ["red", "green", "green", "blue"]),
    ],
)
def test_the_pages_that_are_asked_for_in_that_order(
    files: Spool, ranges: tuple[tuple[int, int], ...], expected: list[str]
) -> None:
    assert names(files.pages(pages_of([RED, GREEN, BLUE]), pages=ranges)) == expected


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        (((4, 4),), ["Page 4", "3 pages"]),
        (((1, 10**15),), ["Page 1,000,000,000,000,000", "3 pages"]),
        (((3, 2),), ["3-2", "ends before it begins"]),
    ],
)
def test_pages_that_are_not_there(files: Spool, ranges: tuple[tuple[int, int], ...], words: list[str]) -> None:
    error = files.refusal(pages_of([RED, GREEN, BLUE]), kind="pdf", pages=ranges)
    assert error.kind == "media"
    assert error.param is not None
    assert error.param.endswith(".pages")
    assert all(word in error.message for word in words)


def test_pages_of_all_documents_are_counted_before_the_first_is_drawn(files: Spool) -> None:
    twelve, nine = pages_of([RED], 12), pages_of([BLUE], 9)
    media = [files.medium(each, kind="pdf") for each in (twelve, nine)]
    error = files.refusal(*media)
    assert error.kind == "media_too_large"
    assert "9 pages" in error.message
    assert "20 (`images.max_pdf_pages`), of which other documents take 12" in error.message
    assert "`pages`" in error.message
    eight = files.medium(nine, kind="pdf", pages=((2, 9),))
    assert [len(each) for each in files.decode(media[0], files.medium(GOOD), eight)] == [12, 1, 8]


def test_a_page_that_is_asked_for_often_counts_as_often(files: Spool) -> None:
    error = files.refusal(pages_of([RED]), kind="pdf", pages=((1, 1),) * 21)
    assert error.kind == "media_too_large"


def test_a_document_of_ten_thousand_pages(files: Spool) -> None:
    content = pages_of([RED, GREEN], 10_000)
    error = files.refusal(content, kind="pdf")
    assert error.kind == "media_too_large"
    assert "10,000 pages" in error.message
    assert "`images.max_pdf_pages`" in error.message
    assert "`pages`" in error.message
    begun = time.monotonic()
    assert names(files.pages(content, pages=((1, 2), (10_000, 10_000)))) == ["red", "green", "green"]
    assert time.monotonic() - begun < 2


def test_pages_know_their_numbers(files: Spool) -> None:
    medium = files.medium(pages_of([RED, GREEN, BLUE]), kind="pdf", pages=((2, 3), (1, 1)))
    assert [[image.page for image in images] for images in files.decode(medium, files.medium(GOOD))] == [
        [2, 3, 1],
        [None],
    ]


def test_a_count_of_pages_that_is_not_true(files: Spool) -> None:
    content = pages_of([RED]).replace(b"/Count 1", b"/Count 7")
    error = files.refusal(content, kind="pdf")
    assert error.kind == "media"
    assert "damaged" in error.message


def test_a_document_without_pages(files: Spool) -> None:
    content = file_of([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"])
    for before in (GOOD, encrypted(RED, b"secret"), b"nothing"):
        # PDFium still knows what was wrong with the last one.
        files.refusal(before, kind="pdf")
        error = files.refusal(content, kind="pdf")
        assert (error.kind, error.message) == ("media", "The document has no pages.")


@pytest.mark.parametrize(
    ("box", "dpi", "size"),
    [
        (b"0 0 200 100", None, (400, 200)),
        (b"0 0 200 100", 72, (200, 100)),
        (b"0 0 200 100", 300, (768, 384)),
        (b"0 0 595 842", None, (543, 768)),
        (b"0 0 595 842", 36, (298, 421)),
        (b"-100 -50 100 50", 72, (200, 100)),
        (b"200 100 0 0", 72, (200, 100)),
        (b"0 0 1000000 1000000", None, (768, 768)),
        (b"0 0 1 1000000", None, (1, 768)),
        (b"0 0 0.001 0.001", None, (1, 1)),
    ],
)
def test_sizes_of_pages(files: Spool, box: bytes, dpi: int | None, size: tuple[int, int]) -> None:
    [page] = files.pages(page_of(b"1 0 0 rg -900000 -900000 2000000 2000000 re f", box=box), dpi=dpi)
    assert page.size == size
    assert min(size) == 1 or names([page]) == ["red"]


@pytest.mark.parametrize("box", [b"0 0 0 0", b"nan nan nan nan", b"0 0 1e30 1e30", b"a b c d", b"0 0 0 100"])
def test_a_page_of_no_size_is_drawn_as_a_letter(files: Spool, box: bytes) -> None:
    [page] = files.pages(page_of(RED, box=box))
    assert page.size == (593, 768)


def test_a_page_has_at_most_as_many_pixels_as_an_image(tmp_path: Path) -> None:
    with spool(tmp_path / "spool", max_side=4000, max_pixels=1_000_000, pdf_dpi=600) as files:
        [page] = files.pages(page_of(RED, box=b"0 0 800 600"))
        assert 990_000 < page.width * page.height <= 1_000_000
        assert page.width / page.height == pytest.approx(4 / 3, rel=0.01)


@pytest.mark.parametrize(("degrees", "size", "corner"), [(0, (400, 200), (5, 195)), (90, (200, 400), (5, 5))])
def test_pages_are_turned(files: Spool, degrees: int, size: tuple[int, int], corner: tuple[int, int]) -> None:
    """Clockwise: the lower left corner, which is red, comes to the upper left."""
    [page] = files.pages(page_of(b"1 0 0 rg 0 0 20 20 re f", b"/Rotate %d" % degrees))
    assert page.size == size
    assert page.getpixel(corner) == (255, 0, 0)
    assert page.getpixel((100, 100)) == (255, 255, 255)


def test_what_is_transparent_lies_on_white(files: Spool) -> None:
    half = page_of(b"/G gs " + RED, b"/Resources<</ExtGState<</G<</ca .5>>>>>>")
    assert files.pages(half)[0].getpixel((9, 9)) == pytest.approx((255, 127, 127), abs=1)


def appearance(colour: bytes) -> bytes:
    return stream(colour + b" rg 0 0 100 100 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 100 100]")


def test_annotations_and_forms_are_drawn(files: Spool) -> None:
    content = page_of(
        b"",
        b"/Annots[5 0 R 6 0 R]",
        more=[
            b"<</Type/Annot/Subtype/Stamp/F 4/Rect[0 0 50 100]/AP<</N 7 0 R>>>>",
            b"<</Type/Annot/Subtype/Widget/FT/Btn/Ff 65536/T(a)/F 4/Rect[100 0 150 100]/AP<</N 8 0 R>>>>",
            appearance(b"1 0 0"),
            appearance(b"0 0 1"),
        ],
        catalog=b"/AcroForm<</Fields[6 0 R]>>",
    )
    [page] = files.pages(content)
    assert page.getpixel((50, 100)) == (255, 0, 0)
    assert page.getpixel((250, 100)) == pytest.approx((0, 0, 255), abs=60)


def test_a_script_does_not_run(files: Spool) -> None:
    action = b"/OpenAction<</S/JavaScript/JS(while\\(true\\){})>>"
    begun = time.monotonic()
    assert names(files.pages(page_of(GREEN, catalog=action))) == ["green"]
    assert time.monotonic() - begun < 2


def test_a_document_that_needs_a_password_is_refused(files: Spool) -> None:
    error = files.refusal(encrypted(RED, b"secret"), kind="pdf")
    assert error.kind == "media"
    assert "is encrypted" in error.message


def test_a_document_that_anybody_may_read_is_drawn_though_it_is_encrypted(files: Spool) -> None:
    assert names(files.pages(encrypted(RED, b""))) == ["red"]


@pytest.mark.parametrize("content", [b"%PDF-1.7\n", b"%PDF-1.7\n" + bytes(5000), GOOD, b"PK\3\4" * 100, b"<svg/>"])
def test_what_is_no_document(files: Spool, content: bytes) -> None:
    assert files.refusal(content, kind="pdf").message == "The document is not a PDF, or is damaged."


def test_an_empty_document(files: Spool) -> None:
    assert files.refusal(b"", kind="pdf").message == "The document is empty."


def test_a_document_is_no_image(files: Spool) -> None:
    assert "is a PDF" in files.refusal(pages_of([RED])).message


def test_a_document_without_its_table_is_repaired(files: Spool) -> None:
    content = pages_of([RED, BLUE]).replace(b"xref\n0", b"    \n0")
    assert names(files.pages(content)) == ["red", "blue"]
