"""Prompts with images inside the worker: chunks, prefixes, features, refusals."""

import re
import shutil
import threading
import time
from pathlib import Path

import mlx.core as mx
import pytest

from media_support import TestImage, chat, put_image
from mlx_vlm_oracle import Oracle
from mlxfleet_worker.caches.fingerprint import model_fingerprint
from mlxfleet_worker.images.decoded import DecodedImage
from mlxfleet_worker.vision.vision_model import VisionModel
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.frames import NO_TOOLS
from mlxfleet_worker.wire.media import Media
from mlxfleet_worker.wire.prompts import ChatPrompt, parse_prompt
from vision_support import compose, decoded, encode, last_logits, load_model


@pytest.fixture(scope="module", params=["qwen2-vl", "qwen3-vl", "gemma3", "smolvlm", "gemma4"])
def model(request: pytest.FixtureRequest, vision_models: Path) -> VisionModel:
    return load_model(vision_models / request.param)


@pytest.fixture(scope="module")
def qwen(vision_models: Path) -> VisionModel:
    return load_model(vision_models / "qwen2-vl")


def test_chunks_that_cut_images_change_nothing(model: VisionModel, tmp_path: Path) -> None:
    first, second = put_image(tmp_path, 1), put_image(tmp_path, 2, 200)
    prompt = compose(model, chat(("user", ["Compare", first, "with", second, "please."])))
    encode(model, prompt)
    whole = last_logits(model, prompt)
    start, end = prompt.images[0].start, prompt.images[1].end
    for chunks in ([start + 2], [end - 1], [start + 1, 1, 2, 3], [5] * (len(prompt.tokens) // 5 - 1)):
        assert mx.allclose(last_logits(model, prompt, *chunks), whole, atol=1e-4).item(), chunks


def test_what_a_prefix_holds_need_not_be_encoded(model: VisionModel, tmp_path: Path) -> None:
    first, second = put_image(tmp_path, 1), put_image(tmp_path, 2)
    conversation = chat(("user", ["Compare", first, "with", second, "please."]))
    whole = compose(model, conversation)
    encode(model, whole)
    expected = last_logits(model, whole)
    model.shrink_features(0)
    known = whole.images[0].end
    caches = model.model.make_cache()
    model.place(caches, whole)
    model.model(mx.array([whole.tokens[:known]]), cache=caches)
    rest = compose(model, conversation)
    assert encode(model, rest, known) > 0
    assert model.feature_bytes > 0
    model.place(caches, rest)
    logits = model.model(mx.array([rest.tokens[known:]]), cache=caches)
    assert mx.allclose(logits[0, -1], expected, atol=1e-4).item()


def test_a_second_question_about_an_image_skips_the_tower(model: VisionModel, tmp_path: Path) -> None:
    model.shrink_features(0)
    image, other = put_image(tmp_path, 3), put_image(tmp_path, 4)
    assert encode(model, compose(model, chat(("user", [image, "What is this?"])))) > 5
    assert encode(model, compose(model, chat(("user", ["And where is it?", image])))) == 0
    assert encode(model, compose(model, chat(("user", [image, other, "Are they alike?"])))) > 5
    assert encode(model, compose(model, chat(("user", [other, image, "Which came first?"])))) == 0


def test_no_room_for_features_keeps_none(vision_models: Path, tmp_path: Path) -> None:
    model = load_model(vision_models / "qwen2-vl", feature_cache_bytes=0)
    prompt = chat(("user", [put_image(tmp_path, 3), "What is this?"]))
    assert encode(model, compose(model, prompt)) == encode(model, compose(model, prompt)) > 5
    assert model.feature_bytes == 0


def test_a_prefix_is_known_by_what_its_images_show(model: VisionModel, tmp_path: Path) -> None:
    image, other = put_image(tmp_path, 1), put_image(tmp_path, 2)
    prompt = compose(model, chat(("user", ["Look:", image, "What?"])))
    same = compose(model, chat(("user", ["Look:", image, "What?"])))
    different = compose(model, chat(("user", ["Look:", other, "What?"])))
    assert prompt.tokens == different.tokens
    assert prompt.key == same.key
    shown = prompt.images[0]
    assert prompt.key[: shown.start] == different.key[: shown.start]
    for place in shown.places.tolist():
        assert prompt.key[place] < 0
        assert prompt.key[place] != different.key[place]
    assert prompt.image_tokens == len(shown.places)
    assert [prompt.whole_images(length) for length in (shown.start, shown.start + 1, shown.end - 1, shown.end)] == [
        shown.start,
        shown.start,
        shown.start,
        shown.end,
    ]


MARKERS = {
    "qwen2-vl": ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>"],
    "qwen3.5": ["<|image_pad|>", "<|vision_start|><|video_pad|>"],
    "gemma3": ["<start_of_image>", "<image_soft_token>"],
    "gemma4": ["<|image|>"],
    "llava": ["<image>"],
    "smolvlm": ["<image>"],
    "pixtral": ["[IMG]"],
    "mistral3": ["[IMG]"],
    "internvl": ["<IMG_CONTEXT>"],
}


@pytest.mark.parametrize(("family", "marker"), [(family, each) for family, all in MARKERS.items() for each in all])
def test_texts_cannot_hold_what_stands_for_an_image(
    vision_models: Path, tmp_path: Path, family: str, marker: str
) -> None:
    model, image = load_model(vision_models / family), put_image(tmp_path, 1)
    for conversation in (
        chat(("user", [image, f"What is {marker}?"])),
        chat(("user", [f"{marker} is what?", image])),
        chat(("user", [image, "What is this?"]), ("assistant", f"A {marker}."), ("user", "So?")),
    ):
        with pytest.raises(RequestError, match="writes for an image") as caught:
            compose(model, conversation)
        assert (caught.value.kind, caught.value.param) == ("invalid", "messages")
        assert caught.value.quote in (marker, *re.findall(r"<\|.*?\|>", marker))
        assert f"holds '{caught.value.quote}'," in caught.value.message


@pytest.mark.parametrize("text", ["\n", "\n\n", " \n x", "x\n"])
def test_texts_beside_images_are_the_processors_tokens(vision_models: Path, tmp_path: Path, text: str) -> None:
    image, other = put_image(tmp_path, 1), put_image(tmp_path, 2)
    for family in MARKERS:
        model = load_model(vision_models / family)
        conversation = chat(("user", [text, image, text, other, text]))
        processor = Oracle(vision_models / family)
        assert compose(model, conversation).tokens == processor.prompt_tokens(
            conversation.plain_messages(), conversation.pictures()
        )


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 2), (150, 1), (768, 4)])
def test_small_and_narrow_images_are_shown(model: VisionModel, tmp_path: Path, width: int, height: int) -> None:
    prompt = compose(model, chat(("user", [put_image(tmp_path, 1, width, height), "What is this?"])))
    encode(model, prompt)
    assert mx.isfinite(last_logits(model, prompt)).all().item()


SIZES_OF_PAGES = {4: (60, 80), 7: (1, 700), 9: (80, 60)}


@pytest.mark.parametrize("images", [1, 2])
def test_what_a_processor_does_not_take_is_refused_by_its_place(qwen: VisionModel, tmp_path: Path, images: int) -> None:
    narrow = put_image(tmp_path, 1, 700, 1)
    narrow.medium["param"] = "messages.0.content.7"
    conversation = chat(("user", [*[put_image(tmp_path, 2)] * (images - 1), narrow, "What is this?"]))
    with pytest.raises(RequestError, match="700 x 1") as caught:
        compose(qwen, conversation)
    assert (caught.value.kind, caught.value.param) == ("media", "messages.0.content.7")


def test_a_page_that_a_processor_does_not_take_is_named(qwen: VisionModel) -> None:
    pages = [
        DecodedImage(*size, bytes(3 * size[0] * size[1]), str(page), page) for page, size in SIZES_OF_PAGES.items()
    ]
    medium = Media("pdf", "", "document", "messages.0.content.0")
    prompt = ChatPrompt([{"role": "user", "content": [{"type": "media", "media": 0}]}], {}, media=[medium])
    with pytest.raises(RequestError, match=r"does not take page 7 of the document at 1 x 700 pixels") as caught:
        qwen.compose(prompt, NO_TOOLS, [pages])
    assert (caught.value.kind, caught.value.param) == ("media", "messages.0.content.0")


def test_a_prompt_beyond_the_context_is_refused(qwen: VisionModel, tmp_path: Path) -> None:
    image = put_image(tmp_path, 1)
    with pytest.raises(RequestError) as caught:
        compose(qwen, chat(("user", [image, "zebra " * 2000])))
    assert caught.value.kind == "context_length"


def has_room(model: VisionModel) -> bool:
    thread = threading.Thread(target=model.wait_for_room, daemon=True)
    thread.start()
    thread.join(0.3)
    return not thread.is_alive()


def test_images_that_wait_are_bounded(qwen: VisionModel, tmp_path: Path) -> None:
    conversation = chat(("user", [put_image(tmp_path, 1, 768, 768)] * 5))
    waiting = []
    while has_room(qwen):
        waiting.append(compose(qwen, conversation))
        assert len(waiting) < 1000
    shown = waiting.pop()
    encode(qwen, shown)
    qwen.place(qwen.model.make_cache(), shown)
    assert has_room(qwen)
    waiting.append(compose(qwen, conversation))
    assert not has_room(qwen)
    # Requests that are gone count no longer.
    waiting.clear()
    assert has_room(qwen)


def test_a_question_is_counted_whatever_its_length_and_takes_no_room(qwen: VisionModel, tmp_path: Path) -> None:
    conversation = chat(("user", [put_image(tmp_path, 1), "zebra " * 2000]))
    prompt = parse_prompt(conversation.prompt())
    assert isinstance(prompt, ChatPrompt)
    before = qwen._waiting_room._size
    tokens = qwen.tokens_with_images(prompt, NO_TOOLS, [[image] for image in decoded(conversation)])
    assert qwen._waiting_room._size == before
    assert len(tokens) > qwen.context_length


def test_too_many_images_are_refused_before_all_are_processed(vision_models: Path, tmp_path: Path) -> None:
    model = load_model(vision_models / "qwen2-vl", context_length=250)
    image = put_image(tmp_path, 1, 400, 400)
    images = [TestImage(image.picture, {**image.medium, "sha256": str(number)}) for number in range(400)]
    begun = time.perf_counter()
    for image in images[:5]:
        compose(model, chat(("user", [image])))
    five = time.perf_counter() - begun
    with pytest.raises(RequestError) as caught:
        compose(model, chat(("user", images[5:])))
    assert caught.value.kind == "context_length"
    assert time.perf_counter() - begun < 20 * five


def test_pixels_that_could_not_wait_are_processed_again(qwen: VisionModel, tmp_path: Path) -> None:
    conversation = chat(("user", [put_image(tmp_path, 91), "What is this?"]))
    prompt = compose(qwen, conversation)
    encode(qwen, prompt)
    expected = last_logits(qwen, prompt)
    qwen.shrink_features(0)
    again = compose(qwen, conversation)
    assert encode(qwen, again) > 5
    assert mx.allclose(last_logits(qwen, again), expected, atol=1e-4).item()


def test_prefixes_on_disk_are_of_one_way_to_show_images(vision_models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(vision_models / "qwen2-vl", folder)
    before = model_fingerprint(folder, None, None, sees_images=True)
    assert model_fingerprint(folder, None, None) != before
    settings = folder / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace("0.48145466", "0.5"))
    assert model_fingerprint(folder, None, None, sees_images=True) != before


def test_a_processor_that_takes_no_image_at_all_is_no_fault_of_the_client(vision_models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(vision_models / "qwen2-vl", folder)
    settings = folder / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace('"patch_size": 14', '"patch_size": 0'))
    model = load_model(folder)
    with pytest.raises(RequestError) as caught:
        compose(model, chat(("user", [put_image(tmp_path, 1), "What is this?"])))
    assert caught.value.kind == "internal"
