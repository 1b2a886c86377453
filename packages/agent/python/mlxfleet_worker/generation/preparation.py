"""What happens to completions before the engine: templates, tokens and grammars."""

from typing import TYPE_CHECKING

from ..serving.preparing_thread import PreparingThread
from ..serving.question import Question, questions_thread
from ..serving.registry import Registry
from ..tokens.overlong import certain_text, least_tokens
from ..wire.errors import RequestError
from ..wire.frames import GenerateFrame
from ..wire.media import Media
from ..wire.prompts import ChatPrompt, Prompt
from ..wire.replies import ReplyChannel
from .engine import Engine
from .request import Request

if TYPE_CHECKING:
    from ..images.decoder import ImageDecoder
    from ..model.text_model import TextModel
    from ..vision.vision_model import VisionModel


class Preparation:
    """Requests on their way to the engine.

    Grammars have a thread of their own: trying and compiling one takes seconds, and requests without one overtake it.
    Questions have one too, which long texts may take as long, and so have images, which are decoded before anything
    else is done.
    """

    def __init__(
        self, engine: Engine, replies: ReplyChannel, registry: Registry, decoder: "ImageDecoder | None" = None
    ) -> None:
        """Make the threads; without a `decoder` the model is shown no images."""
        self._engine = engine
        self._decoder = decoder
        self._images = PreparingThread(self._show, replies, registry, self._wait_for_room)
        self._prompts = PreparingThread(self._tokenize, replies, registry)
        self._grammars = PreparingThread(self._constrain, replies, registry)
        self._questions = questions_thread(replies, registry)
        self.threads = (self._prompts, self._grammars, self._questions, self._images)
        """Each is to be run with the model."""

    def submit(self, task: Request | Question) -> None:
        """Hand over a new request, or a question."""
        thread = self._questions if isinstance(task, Question) else self._prompts
        (self._images if media_of(task) else thread).submit(task)

    @property
    def image_bytes(self) -> int:
        """Bytes of decoded images that are kept. Safe from any thread."""
        return self._decoder.cache_bytes if self._decoder else 0

    def _wait_for_room(self, model: "VisionModel") -> None:
        """Wait while enough images wait for the engine, or to be counted: each takes memory."""
        if self._decoder is not None:
            model.wait_for_room()

    def _show(self, task: Request | Question, model: "VisionModel") -> None:
        """Decode a task's images; the prompt of a request is put together at once, before others are decoded."""
        media = media_of(task)
        if self._decoder is None:
            raise RequestError("This model takes no images.", media[0].param)
        refuse_overlong(task.frame.prompt, model, task.param)
        decoded = self._decoder.decode(media, lambda: task.cancelled, task.cache_scope)
        if task.cancelled:
            return
        if isinstance(task, Question):
            model.count_waiting(task, decoded)
            task.media = decoded
            self._questions.submit(task)
            return
        assert isinstance(task.frame.prompt, ChatPrompt)
        task.images = model.compose(task.frame.prompt, task.frame.tool_choice, decoded)
        task.prompt = task.images.tokens
        self._prompts.submit(task)

    def _tokenize(self, request: Request, model: "TextModel") -> None:
        frame = request.frame
        if request.images is None:
            refuse_overlong(frame.prompt, model, request.param)
            request.prompt = model.encode(frame.prompt, frame.tool_choice)
        request.beginnings = model.beginnings(frame, request.prompt)
        room = model.context_length - len(request.prompt)
        request.max_tokens = min(frame.max_tokens or room, room)
        if may_have_grammar(frame):
            self._grammars.submit(request)
        else:
            self._engine.submit(request)

    def _constrain(self, request: Request, model: "TextModel") -> None:
        request.grammar = model.grammar(request.frame, request.prompt)
        self._engine.submit(request)


def media_of(task: Request | Question) -> list[Media]:
    """The images and documents in a task's prompt."""
    prompt = getattr(task.frame, "prompt", None)
    return prompt.media if isinstance(prompt, ChatPrompt) else []


def refuse_overlong(prompt: Prompt, model: "TextModel", param: str) -> None:
    """Raise RequestError for a prompt that is far too long, before it is tokenized and holds up others."""
    length = least_tokens(certain_text(prompt), model.tokenizer, model.context_length)
    if length is not None:
        raise RequestError(
            f"The context length of this model is {model.context_length} tokens, but your {param} resulted in more "
            f"than {length} tokens. Shorten the {param}.",
            param,
            "context_length",
        )


def may_have_grammar(frame: GenerateFrame) -> bool:
    """Whether TextModel.grammar may have anything to do: for most requests it has not, and they need not wait."""
    if frame.constraint is not None or frame.tool_choice.mode in ("required", "named"):
        return True
    if frame.tool_choice.mode == "none" or not isinstance(frame.prompt, ChatPrompt):
        return False
    return any(tool["function"].get("strict") is True for tool in frame.prompt.tools)
