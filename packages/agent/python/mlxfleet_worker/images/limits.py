"""What decoding one file may cost. A client chooses it, so each of these is met by somebody who wants it to be."""

from dataclasses import dataclass

MAX_SOURCE_SIDE = 65_500
"""Pixels of either side before it is made smaller: libjpeg's own limit, and beyond it are only strips and bombs."""

LOW_DETAIL_SIDE = 512
"""Pixels of the longer side of an image whose detail is `low`: OpenAI's figure."""

MAX_PROFILE_BYTES = 4 << 20
"""Of a colour profile. Those of printers take about 2 MiB; larger ones are ignored."""

BASE_MEMORY_BYTES = 256 << 20
MEMORY_BYTES_PER_PIXEL = 28
"""What an image may take per pixel of the largest that is let in. Measured with 50 million: animated or transparent
WebP 23, transparent AVIF 18, transparent PNG 13, JPEG below 4."""

MEMORY_EXIT_CODE = 75
"""How the process ends that ran out of memory."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds."""

    cpu_seconds: float = 10.0
    """Processor time of one image or page. 50 million pixels take 3 s as WebP or transparent PNG, less in others."""
    wall_seconds: float = 60.0
    """For all media of one request: a client who sends many slow ones holds others up no longer."""
    idle_seconds: float = 300.0
    """How long the process waits for another image: it takes 0.1 s to start, and 40 MB."""
    start_seconds: float = 30.0
    """Until a new process is ready: a busy machine may take a while."""


def memory_bytes(max_pixels: int) -> int:
    """Memory that decoding an image of so many pixels may take beyond what the process has at its start."""
    return BASE_MEMORY_BYTES + MEMORY_BYTES_PER_PIXEL * max_pixels
