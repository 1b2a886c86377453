"""A worker that turns text into vectors: its engine, its model, and its requests from arrival to reply.

Of this package's folders it imports `wire`, `tokens` and `serving` only.
"""
