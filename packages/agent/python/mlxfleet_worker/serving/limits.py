"""When an engine gives memory back, and when a worker gives up."""

MAX_FAILED_STEPS = 3
MAX_FAILED_PREPARATIONS = 3
"""In a row, by faults of the worker: one may be a request that meets a mistake of ours, so many are a worker that
cannot work, for want of memory as a rule. It says MemoryError in Python's own words only, not in those of libraries."""
SECONDS_BEFORE_RELEASE = 1.0
"""Idle time after which unused buffers go back to the system: long enough not to slow one request after the other."""


class PreparationBrokenError(Exception):
    """Requests cannot be prepared any longer; the worker must end."""


class EngineBrokenError(Exception):
    """The worker cannot go on and must end."""
