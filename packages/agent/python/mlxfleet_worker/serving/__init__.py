"""What generating and embedding workers have in common: requests by id, preparing threads, memory, speed, failures.

Of this package's folders it imports `wire` and `tokens` only.
"""
