"""What cannot be kept."""


class UnsupportedCacheError(Exception):
    """The model's caches cannot be kept or quantized as asked; the message is for the operator."""
