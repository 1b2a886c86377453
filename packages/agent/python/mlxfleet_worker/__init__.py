"""The worker: one process that holds one model and generates for the agent, over pipes.

`__main__` wires threads together, `download` is a program of its own, and each folder says what it may import: `wire`
and `caches` nothing, `generation` all but `embedding`. tests/test_imports.py holds them to it.
"""
