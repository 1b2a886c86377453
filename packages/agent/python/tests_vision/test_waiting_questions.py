"""Questions about images wait with their pictures: as many as there is room for."""

import json
import threading
import weakref
from pathlib import Path

from media_support import chat, media_settings, put_image
from mlxfleet_worker.generation.preparation import Preparation
from mlxfleet_worker.images.decoder import ImageDecoder
from mlxfleet_worker.serving.question import Question
from mlxfleet_worker.serving.registry import Registry
from mlxfleet_worker.vision.vision_model import WAITING_BYTES
from mlxfleet_worker.wire.frames import NO_TOOLS, MediaSettings, TokenizeFrame
from mlxfleet_worker.wire.parse_frame import parse_frame
from mlxfleet_worker.wire.prompts import ChatPrompt
from mlxfleet_worker.wire.replies import ReplyChannel
from preparation_support import ListeningEngine
from reply_reader import replies_to
from vision_support import load_model
from waiting import wait_until

SIDE = 768
IMAGES = 5
BYTES = IMAGES * 3 * SIDE * SIDE
COUNT = WAITING_BYTES // BYTES + 20


def test_questions_whose_pictures_have_no_room_wait_as_files(vision_models: Path, tmp_path: Path) -> None:
    model = load_model(vision_models / "qwen2-vl", context_length=20_000)
    decoder = ImageDecoder(MediaSettings(**media_settings(tmp_path)))
    prompt = chat(("user", [put_image(tmp_path, 1, SIDE, SIDE)] * IMAGES)).prompt()

    def frame(number: int) -> TokenizeFrame:
        frame = parse_frame(json.dumps({"type": "tokenize", "id": str(number), "prompt": prompt}).encode())
        assert isinstance(frame, TokenizeFrame)
        return frame

    def use(replies: ReplyChannel) -> None:
        registry = Registry()
        preparation = Preparation(ListeningEngine(), replies, registry, decoder)  # type: ignore[arg-type]
        _, _, answering, showing = preparation.threads
        asked: list[weakref.ref[Question]] = []
        for number in range(COUNT):
            question = Question(frame(number))
            registry.add(question)
            preparation.submit(question)
            asked.append(weakref.ref(question))
        del question
        threading.Thread(target=showing.run, args=(model,), daemon=True).start()

        def shown() -> int:
            return sum(bool((question := each()) and question.media) for each in asked)

        wait_until(lambda: shown() * BYTES >= WAITING_BYTES)
        threading.Event().wait(0.3)
        assert shown() < COUNT
        threading.Thread(target=answering.run, args=(model,), daemon=True).start()
        wait_until(lambda: len(registry) == 0)
        # Threads that wait for more hold none of the last one.
        wait_until(lambda: all(each() is None for each in asked))

    # Asked again the answers take no time.
    known = frame(0).prompt
    assert isinstance(known, ChatPrompt)
    model.compose(known, NO_TOOLS, decoder.decode(known.media, lambda: False))
    assert [reply["type"] for reply in replies_to(use)] == ["tokenized"] * COUNT
