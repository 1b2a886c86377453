"""mlx-lm's BatchGenerator in a plain loop, without any server: what a server can reach at best.

Argument: the model's folder. Each line of stdin is a round, `{"prompts": [...], "max_tokens": [...]}`; each line of
stdout what it gave: `{"tokens": ..., "seconds": ..., "first_token_ms": [...]}`.
"""

import json
import sys
import time
from typing import Any

from mlx_lm import load
from mlx_lm.generate import BatchGenerator


def run(model: Any, tokenizer: Any, texts: list[str], max_tokens: list[int]) -> dict[str, Any]:
    """One round: all prompts at once, each answer decoded to text as a server must."""
    begun = time.perf_counter()
    generator = BatchGenerator(
        model,
        stop_tokens=[[token] for token in tokenizer.eos_token_ids],
        completion_batch_size=max(len(texts), 8),
    )
    prompts = [
        tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True) for text in texts
    ]
    generator.insert(prompts, max_tokens=max_tokens)
    first: dict[int, float] = {}
    detokenizers: dict[int, Any] = {}
    count = finished = 0
    while finished < len(texts):
        for response in generator.next()[1]:
            count += 1
            first.setdefault(response.uid, 1000 * (time.perf_counter() - begun))
            detokenizer = detokenizers.setdefault(response.uid, tokenizer.detokenizer)
            detokenizer.add_token(response.token)
            finished += response.finish_reason is not None
    generator.close()
    return {"tokens": count, "seconds": time.perf_counter() - begun, "first_token_ms": list(first.values())}


def main() -> None:
    """Measure round after round."""
    model, tokenizer = load(sys.argv[1])
    for line in sys.stdin:
        wanted = json.loads(line)
        print(json.dumps(run(model, tokenizer, wanted["prompts"], wanted["max_tokens"])), flush=True)


if __name__ == "__main__":
    main()
