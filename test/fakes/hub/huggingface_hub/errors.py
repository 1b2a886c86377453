"""Errors that the download tells apart."""


class HfHubHTTPError(Exception):
    """The hub answered with an error."""


class RepositoryNotFoundError(HfHubHTTPError):
    """The hub has no such model."""


class GatedRepoError(RepositoryNotFoundError):
    """The hub asks for an account."""
