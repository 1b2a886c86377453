"""Models that are shown images: mlx-vlm's models and processors, behind what the engine knows of a text model.

Of this package's folders it imports `wire`, `caches`, `chat`, `images` and `model` only.
"""
