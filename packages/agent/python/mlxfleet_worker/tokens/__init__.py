"""Tokens and text: bytes of tokens, their names and log-probabilities, questions of clients, common beginnings.

Of this package's folders it imports `wire` only.
"""
