"""Decoding that keeps to a grammar: JSON of a schema, or any grammar in llguidance's dialect of Lark.

`grammar` compiles (preparing thread, no MLX), `matcher` follows one completion, `masks` forbids tokens in a step's
logits (engine thread).

Of this package's folders it imports `wire` only.
"""
