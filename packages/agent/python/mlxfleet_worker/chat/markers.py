"""Markers that tokens may cut anywhere."""


def held_length(pending: str, markers: tuple[str, ...]) -> int:
    """Length of the longest end of `pending` that begins one of the markers."""
    longest = min(max(map(len, markers), default=1) - 1, len(pending))
    for length in range(longest, 0, -1):
        tail = pending[-length:]
        if any(marker.startswith(tail) for marker in markers):
            return length
    return 0
