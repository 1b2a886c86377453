"""Why a file is not decoded, in the side process: the worker makes a RequestError of it."""

from typing import Literal

RefusalKind = Literal["media", "media_too_large", "internal"]

DAMAGED = "The image is truncated or damaged."


class RefusalError(Exception):
    """The message is for the client."""

    def __init__(self, message: str, kind: RefusalKind = "media") -> None:
        super().__init__(message)
        self.message = message
        self.kind: RefusalKind = kind
