"""Images and pages of documents as pixels: decoded by a process of their own, which a hostile file may end.

`decoder` is what the worker calls (preparing thread, no MLX, no transformers); `process` is the other side, and only
what it imports opens a file of a client.

Of this package's folders it imports `wire` only.
"""
