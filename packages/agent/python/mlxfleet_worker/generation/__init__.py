"""A worker that generates: its engine, its batch, and its requests from arrival to the last token.

Imports any other folder of this package but `embedding`; only `__main__` imports it.
"""
