"""Which pages of a document are asked for."""

from ..wire.errors import RequestError
from ..wire.media import Media


def asked_pages(medium: Media, count: int, left: int, max_pages: int) -> list[int]:
    """Numbers from 1, in the order of the medium's ranges, of a document with so many pages.

    `left` is how many of the request's `max_pages` other documents have not taken. Raises RequestError.
    """
    param = medium.param if medium.pages is None else f"{medium.param}.pages"
    ranges = ((1, count),) if medium.pages is None else medium.pages
    asked = 0
    for first, last in ranges:
        if first > last:
            raise RequestError(f"The range of pages {first}-{last} ends before it begins.", param, "media")
        if last > count:
            raise RequestError(
                f"Page {last:,} is asked for, and the document has {count:,} {_pages(count)}.", param, "media"
            )
        asked += last - first + 1
        if asked > left:
            raise RequestError(_too_many(count, left, max_pages), param, "media_too_large")
    return [page for first, last in ranges for page in range(first, last + 1)]


def _too_many(count: int, left: int, max_pages: int) -> str:
    others = "" if left == max_pages else f", of which other documents take {max_pages - left:,}"
    return (
        f"The document has {count:,} {_pages(count)}, and more are asked for than a request may have: "
        f"{max_pages:,} (`images.max_pdf_pages`){others}. Choose fewer with `pages`."
    )


def _pages(count: int) -> str:
    return "page" if count == 1 else "pages"
