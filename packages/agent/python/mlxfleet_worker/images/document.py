"""One PDF: its pages as images, drawn by PDFium.

PDFium opens no other file for a document. Scripts and XFA forms need a build with V8: with one, forms are not drawn.
"""

import ctypes
import math
from typing import BinaryIO

import pypdfium2
import pypdfium2.raw as pdfium

from .refusal import RefusalError
from .sizes import fitted

POINTS_PER_INCH = 72


class Document:
    """An open document."""

    def __init__(self, file: BinaryIO) -> None:
        """Read it. Raises RefusalError."""
        self._content = file.read()
        if not self._content:
            raise RefusalError("The document is empty.")
        # pypdfium2's own way tells of a document without pages what was wrong with another one.
        opened = pdfium.FPDF_LoadMemDocument64(self._content, len(self._content), None)
        if not opened:
            if pdfium.FPDF_GetLastError() in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
                raise RefusalError("The document is encrypted. Send it without a password.")
            raise RefusalError("The document is not a PDF, or is damaged.")
        self._document = pypdfium2.PdfDocument(opened)
        if not self.page_count:
            self.close()
            raise RefusalError("The document has no pages.")
        if not {"V8", "XFA"} & set(pypdfium2.PDFIUM_INFO.flags):
            self._document.init_forms()

    @property
    def page_count(self) -> int:
        """How many pages it says to have, at least one."""
        return len(self._document)

    def draw(self, number: int, dpi: int, side: int, max_pixels: int) -> tuple[int, int, bytes]:
        """Width, height and RGB of a page, counted from 1: at this resolution, or smaller to keep within both limits.

        Drawn at its final size, never larger. Raises RefusalError.
        """
        try:
            page = self._document[number - 1]
        except pypdfium2.PdfiumError as error:
            raise RefusalError(f"Page {number:,} of the document is damaged.") from error
        try:
            width, height = _size(page, number, dpi, side, max_pixels)
            return width, height, _drawn(page, width, height)
        finally:
            page.close()

    def close(self) -> None:
        """Give its memory back."""
        self._document.close()


def _size(page: pypdfium2.PdfPage, number: int, dpi: int, side: int, max_pixels: int) -> tuple[int, int]:
    """In pixels, rotation included."""
    points = page.get_size()
    if not all(math.isfinite(each) and each > 0 for each in points):
        raise RefusalError(f"Page {number:,} of the document has no size.")
    wide, high = (each * dpi / POINTS_PER_INCH for each in points)
    width, height = fitted(wide, high, side)
    if width * height > max_pixels:
        longer = max(width, height) * math.sqrt(max_pixels / (width * height))
        width, height = fitted(wide, high, max(1, math.floor(longer)))
    return width, height


def _drawn(page: pypdfium2.PdfPage, width: int, height: int) -> bytes:
    """The page with its annotations and forms on white."""
    bitmap = pypdfium2.PdfBitmap.new_native(width, height, pdfium.FPDFBitmap_BGR, rev_byteorder=True)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
    place = (bitmap, page, 0, 0, width, height, 0, pdfium.FPDF_ANNOT | pdfium.FPDF_REVERSE_BYTE_ORDER)
    pdfium.FPDF_RenderPageBitmap(*place)
    if page.formenv:
        pdfium.FPDF_FFLDraw(page.formenv, *place)
    return ctypes.string_at(bitmap.buffer, 3 * width * height)
