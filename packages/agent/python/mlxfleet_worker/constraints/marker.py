"""Grammar of what stands before constrained text: anything, up to and including a marker."""

from collections.abc import Sequence

from .vocabulary import Vocabulary, any_of


def marker_rules(marker: str, tokens: Sequence[int], vocabulary: Vocabulary) -> str:
    """Lark rules that define `up_to_marker`: any tokens but the end of the sequence, up to and with the first marker.

    `tokens` is how the tokenizer writes the marker. One with special tokens in it ends where exactly these tokens
    stand; one of ordinary text ends where its text stands, however it is cut into tokens, and what comes before is
    valid UTF-8.
    """
    if any(token in vocabulary.special_tokens for token in tokens):
        return _by_tokens(tokens, vocabulary)
    return _by_text(marker, vocabulary)


def _by_tokens(marker: Sequence[int], vocabulary: Vocabulary) -> str:
    """Knuth, Morris and Pratt's automaton: `seen_<n>` is text that ends with the first n tokens of the marker."""
    arriving: list[list[str]] = [[] for _ in range(len(marker) + 1)]
    arriving[0].append('""')
    for seen in range(len(marker)):
        for token in sorted(set(marker)):
            arriving[_marker_at_end(marker, [*marker[:seen], token])].append(f"seen_{seen} {any_of([token])}")
        arriving[0].append(f"seen_{seen} {vocabulary.any_but(marker)}")
    rules = [f"seen_{seen}: {' | '.join(ways)}" for seen, ways in enumerate(arriving)]
    return "\n".join([f"up_to_marker: seen_{len(marker)}", *rules])


def _marker_at_end(marker: Sequence[int], text: list[int]) -> int:
    """How many of the marker's first tokens stand at the end of a text."""
    return next(count for count in range(len(text), -1, -1) if text[len(text) - count :] == list(marker[:count]))


def _by_text(marker: str, vocabulary: Vocabulary) -> str:
    pattern = "".join(f"\\x{{{ord(character):X}}}" for character in marker)
    special = [token for token in vocabulary.special_tokens if token not in vocabulary.end_tokens]
    piece = f"(OTHER_TEXT | {any_of(special)})" if special else "OTHER_TEXT"
    return "\n".join(
        [
            f"up_to_marker: {piece}* text_with_marker",
            f"text_with_marker[lazy]: /(?s:.*){pattern}/",
            f"OTHER_TEXT: /(?s:.+)/ & ~/(?s:.*){pattern}(?s:.*)/",
        ]
    )
