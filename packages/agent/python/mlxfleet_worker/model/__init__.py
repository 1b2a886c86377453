"""A text model with its tokenizer: prompts into tokens, tokens into answers, grammars, beginnings worth keeping.

Of this package's folders it imports `wire`, `tokens`, `constraints`, `chat` and `images` only.
"""
