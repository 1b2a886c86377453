"""The one exception that a request's own fault travels in."""

from typing import Literal

FailureKind = Literal["invalid", "context_length", "memory", "internal"]


class RequestError(Exception):
    """One request cannot be served; the others go on.

    `param` names the request field at fault in OpenAI's spelling, or is None.
    """

    def __init__(self, message: str, param: str | None = None, kind: FailureKind = "invalid") -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.kind: FailureKind = kind
