"""The exceptions that a request's own fault, and that of a model's configuration, travel in."""

from typing import Literal

FailureKind = Literal["invalid", "context_length", "media", "media_too_large", "memory", "internal"]


class RequestError(Exception):
    """One request cannot be served; the others go on.

    `param` names the request field at fault in OpenAI's spelling, or is None. `quote` is what a text of the request
    holds and must not, word for word: the agent, which has the request, says where.
    """

    def __init__(
        self, message: str, param: str | None = None, kind: FailureKind = "invalid", *, quote: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.kind: FailureKind = kind
        self.quote = quote


class ModelSettingsError(Exception):
    """The model cannot be loaded with the settings that it is given; the message is for the operator and says all."""
