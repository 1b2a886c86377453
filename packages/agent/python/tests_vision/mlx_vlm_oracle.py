"""What mlx-vlm itself generates, for one prompt at a time: what the worker's output is compared with."""

from pathlib import Path
from typing import Any

from mlx_vlm import load, stream_generate
from mlx_vlm.utils import prepare_inputs
from PIL import Image

from mlxfleet_worker.vision.processing import repaired

Message = dict[str, Any]


class Oracle:
    """One model folder, loaded by mlx-vlm."""

    def __init__(self, folder: Path) -> None:
        self.model, processor = load(str(folder))
        # Without it mlx-vlm 0.7.10 itself cannot show LLaVA an image.
        self.processor = repaired(processor)

    def complete(self, messages: list[Message], images: list[Image.Image], max_tokens: int) -> list[int]:
        """The greedy tokens of an answer, an end token included. Parts `{"type": "image"}` stand for the images."""
        prompt = self._rendered(messages)
        responses = stream_generate(
            self.model, self.processor, prompt, image=images or None, max_tokens=max_tokens, temperature=0
        )
        # The last response repeats the token before it, with the reason for the end.
        return [response.token for response in responses if response.finish_reason is None]

    def prompt_tokens(self, messages: list[Message], images: list[Image.Image]) -> list[int]:
        """The tokens of a prompt, as the processor makes them of the whole."""
        prompt = self._rendered(messages)
        bos = self.processor.tokenizer.bos_token
        inputs = prepare_inputs(
            self.processor,
            images=images,
            prompts=prompt,
            image_token_index=getattr(self.model.config, "image_token_index", None),
            add_special_tokens=bos is None or not prompt.startswith(bos),
        )
        return inputs["input_ids"][0].tolist()

    def _rendered(self, messages: list[Message]) -> str:
        # As mlx-lm's tokenizers render: a model that may think does.
        return self.processor.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=True
        )
