"""The tokenizer of test models in the style of a family."""

from collections.abc import Sequence

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers


def make_tokenizer(special: Sequence[str], visible: Sequence[str]) -> Tokenizer:
    """One token for each byte, after special tokens and those of their own that count as ordinary text."""
    vocabulary = (*special, *visible, *sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer = Tokenizer(models.BPE(vocab={token: id for id, token in enumerate(vocabulary)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in visible])
    return tokenizer
