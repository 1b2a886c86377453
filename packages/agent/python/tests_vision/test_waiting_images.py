"""What is kept of images that wait for the tower, and of those that were shown before."""

import gc
import shutil
import tracemalloc
from pathlib import Path

import pytest

from media_support import chat, put_image
from mlxfleet_worker.model.image_prompt import inputs_bytes
from mlxfleet_worker.vision.composing import MOST_PIXEL_BYTES
from mlxfleet_worker.vision.vision_model import VisionModel
from vision_support import compose, encode, load_model


@pytest.fixture(scope="module")
def large(vision_models: Path, tmp_path_factory: pytest.TempPathFactory) -> VisionModel:
    """A model that is shown images as large as those of real ones: 14 MB and 729 tokens at 768 pixels."""
    folder = tmp_path_factory.mktemp("large") / "model"
    shutil.copytree(vision_models / "qwen2-vl", folder)
    settings = folder / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace('"max_pixels": 12544', '"max_pixels": 1000000'))
    return load_model(folder, context_length=20_000)


def test_what_the_processor_made_of_images_waits_with_them(large: VisionModel, tmp_path: Path) -> None:
    images = [put_image(tmp_path, seed, 768, 768) for seed in range(10)]
    waiting = [compose(large, chat(("user", [image, "What is this?"]))) for image in images]
    assert all(prompt.pixels for prompt in waiting)
    # Nothing could be processed again.
    waiting[0].images[0].picture = None
    assert encode(large, waiting[0]) > 5


def test_what_the_processor_made_of_one_prompt_is_bounded(large: VisionModel, tmp_path: Path) -> None:
    images = [put_image(tmp_path, seed, 768, 768) for seed in range(100, 110)]
    prompt = compose(large, chat(("user", images)))
    kept = [inputs_bytes(inputs) for inputs in prompt.pixels.values()]
    assert MOST_PIXEL_BYTES - max(kept) < sum(kept) <= MOST_PIXEL_BYTES
    # The tower has the rest made again, from these.
    assert all(image.picture is not None for image in prompt.images)


def test_what_is_remembered_of_an_image_is_small(large: VisionModel, tmp_path: Path) -> None:
    prompts = [chat(("user", [put_image(tmp_path, seed, 768, 768), "What is this?"])) for seed in range(200, 206)]
    tokens = len(compose(large, prompts[0]).tokens)
    tracemalloc.start()
    try:
        compose(large, prompts[1])
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for prompt in prompts[2:]:
            compose(large, prompt)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken < 4 * 6 * tokens
