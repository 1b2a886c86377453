"""Tokens guessed ahead while one completion runs alone: who guesses, and whether it pays.

Of this package's folders it imports `wire`, `tokens` and `model` only.
"""
