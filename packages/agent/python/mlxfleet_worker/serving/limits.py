"""When an engine gives memory back, and when it gives up."""

MAX_FAILED_STEPS = 3
SECONDS_BEFORE_RELEASE = 1.0
"""Idle time after which unused buffers go back to the system: long enough not to slow one request after the other."""


class EngineBrokenError(Exception):
    """The worker cannot go on and must end."""
