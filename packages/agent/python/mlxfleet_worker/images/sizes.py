"""How large what a model is shown becomes."""


def fitted(width: float, height: float, side: int) -> tuple[int, int]:
    """The size in pixels whose longer side is at most `side`: the same shape, never larger, at least 1 x 1."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
