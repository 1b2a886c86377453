"""What happens to completions before the engine: templates, tokens and grammars."""

from typing import TYPE_CHECKING

from ..serving.preparing_thread import PreparingThread
from ..serving.question import Question, questions_thread
from ..serving.registry import Registry
from ..tokens.overlong import certain_text, least_tokens
from ..wire.errors import RequestError
from ..wire.frames import GenerateFrame
from ..wire.media import Media
from ..wire.prompts import ChatPrompt
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
        self._images = PreparingThread(self._decode, replies, registry)
        self._prompts = PreparingThread(self._tokenize, replies, registry)
        self._grammars = PreparingThread(self._constrain, replies, registry)
        self._questions = questions_thread(replies, registry)
        self.threads = (self._prompts, self._grammars, self._questions, self._images)
        """Each is to be run with the model."""

    def submit(self, task: Request | Question) -> None:
        """Hand over a new request, or a question."""
        (self._images if media_of(task) else self._behind_images(task)).submit(task)

    @property
    def image_bytes(self) -> int:
        """Bytes of decoded images that are kept. Safe from any thread."""
        return self._decoder.cache_bytes if self._decoder else 0

    def _behind_images(self, task: Request | Question) -> PreparingThread:
        return self._questions if isinstance(task, Question) else self._prompts

    def _decode(self, task: Request | Question, _model: "TextModel") -> None:
        media = media_of(task)
        if self._decoder is None:
            raise RequestError("This model takes no images.", media[0].param)
        task.media = self._decoder.decode(media, lambda: task.cancelled)
        if not task.cancelled:
            self._behind_images(task).submit(task)

    def _tokenize(self, request: Request, model: "TextModel") -> None:
        frame = request.frame
        refuse_overlong(request, model)
        if request.media:
            compose_images(request, model)
        else:
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


def compose_images(request: Request, model: "VisionModel") -> None:
    """Put a prompt and its decoded images together."""
    assert isinstance(request.frame.prompt, ChatPrompt)
    request.images = model.compose(request.frame.prompt, request.frame.tool_choice, request.media)
    request.prompt = request.images.tokens
    # The pixels are in what the processor made of them.
    request.media = []


def refuse_overlong(request: Request, model: "TextModel") -> None:
    """Raise RequestError for a prompt that is far too long, before it is tokenized and holds up others."""
    length = least_tokens(certain_text(request.frame.prompt), model.tokenizer, model.context_length)
    if length is not None:
        raise RequestError(
            f"The context length of this model is {model.context_length} tokens, but your {request.param} resulted in "
            f"more than {length} tokens. Shorten the {request.param}.",
            request.param,
            "context_length",
        )


def may_have_grammar(frame: GenerateFrame) -> bool:
    """Whether TextModel.grammar may have anything to do: for most requests it has not, and they need not wait."""
    if frame.constraint is not None or frame.tool_choice.mode in ("required", "named"):
        return True
    if frame.tool_choice.mode == "none" or not isinstance(frame.prompt, ChatPrompt):
        return False
    return any(tool["function"].get("strict") is True for tool in frame.prompt.tools)
