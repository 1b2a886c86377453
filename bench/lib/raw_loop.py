"""mlx-lm's BatchGenerator in a plain loop, without any server: what a server can reach at best.

Arguments: model folder, rounds, then numbers of clients. Prints one JSON line for each number of clients.
"""

import json
import statistics
import sys
import time
from typing import Any

from mlx_lm import load
from mlx_lm.generate import BatchGenerator


def run(model: Any, tokenizer: Any, clients: int, round: int, tokens: int) -> tuple[float, list[float]]:
    """Tokens a second of all, and milliseconds to each first token."""
    generator = BatchGenerator(
        model,
        stop_tokens=[[token] for token in tokenizer.eos_token_ids],
        completion_batch_size=max(clients, 8),
    )
    begun = time.perf_counter()
    prompts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": f"round {round} client {client} request 0: tell me something"}],
            add_generation_prompt=True,
        )
        for client in range(clients)
    ]
    generator.insert(prompts, max_tokens=[tokens] * clients)
    first: dict[int, float] = {}
    detokenizers: dict[int, Any] = {}
    count = finished = 0
    while finished < clients:
        for response in generator.next()[1]:
            count += 1
            first.setdefault(response.uid, time.perf_counter() - begun)
            detokenizer = detokenizers.setdefault(response.uid, tokenizer.detokenizer)
            detokenizer.add_token(response.token)
            finished += response.finish_reason is not None
    seconds = time.perf_counter() - begun
    generator.close()
    return count / seconds, [1000 * value for value in first.values()]


def main() -> None:
    """Measure and print."""
    folder, rounds, *clients = sys.argv[1:]
    model, tokenizer = load(folder)
    for number in map(int, clients):
        run(model, tokenizer, number, -1, 256)
        results = [run(model, tokenizer, number, round, 256) for round in range(int(rounds))]
        rates = [rate for rate, _ in results]
        first = [value for _, values in results for value in values]
        print(
            json.dumps(
                {
                    "clients": number,
                    "tokensPerSecond": round(statistics.median(rates)),
                    "firstTokenMsP50": round(statistics.median(first), 1),
                    "firstTokenMsP99": round(sorted(first)[max(int(len(first) * 0.99) - 1, 0)], 1),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
