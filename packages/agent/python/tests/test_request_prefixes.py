"""The prefix cache as requests with images see it."""

import mlx.core as mx
import numpy as np
import pytest

from batch_support import make_request
from caches_support import MODELS, make_prefix_cache, random_tokens
from mlxfleet_worker.caches.quantized import make_cache
from mlxfleet_worker.generation.request import Request
from mlxfleet_worker.generation.request_prefixes import RequestPrefixes
from mlxfleet_worker.images.decoded import DecodedImage
from mlxfleet_worker.model.image_prompt import ImagePrompt, PromptImage

IMAGE = range(300, 340)


def seeing_request(tokens: list[int]) -> Request:
    """A prompt with one image."""
    request = make_request(tokens, 1)
    image = PromptImage("key", DecodedImage(1, 1, bytes(3), "key"), "", "messages", np.array(IMAGE))
    request.images = ImagePrompt(tokens, {}, [image])
    return request


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kept", [IMAGE.start, IMAGE.start + 10, IMAGE.stop])
def test_as_many_tokens_are_known_as_are_fetched(name: str, kept: int) -> None:
    """Also where no sequence can be continued from the image that a kept prefix cuts."""
    model = MODELS[name]()
    prefixes = RequestPrefixes(make_prefix_cache(model))
    tokens = random_tokens(np.random.default_rng(1), 400)
    request, caches = seeing_request(tokens), make_cache(model, None)
    model(mx.array([tokens[:kept]]), cache=caches)
    prefixes.insert(request, tokens[:kept], caches, "prompt")
    known = prefixes.known_length(request)
    hit = prefixes.fetch(request)
    assert known == (0 if hit is None else hit.length)
    assert known == request.whole_images(known)
