"""Greedy token ids of mlx_lm's own generation: the oracle for the agent's output.

Reads {"model": path, "max_tokens": n, "prompts": [text, ...]} on stdin, prints {"tokens": [[id, ...], ...]}.
"""

import json
import sys

from mlx_lm import load, stream_generate


def main() -> None:
    """Generate for each prompt in turn."""
    request = json.load(sys.stdin)
    model, tokenizer = load(request["model"])
    results: list[list[int]] = []
    for text in request["prompts"]:
        messages = [{"role": "user", "content": text}]
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        responses = stream_generate(model, tokenizer, prompt, max_tokens=request["max_tokens"])
        results.append([response.token for response in responses])
    json.dump({"tokens": results}, sys.stdout)


if __name__ == "__main__":
    main()
