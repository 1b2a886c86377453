"""What happens to completions before the engine: templates, tokens and grammars."""

from typing import TYPE_CHECKING

from ..serving.preparing_thread import PreparingThread
from ..serving.question import Question, questions_thread
from ..serving.registry import Registry
from ..tokens.overlong import certain_text, least_tokens
from ..wire.errors import RequestError
from ..wire.frames import GenerateFrame
from ..wire.prompts import ChatPrompt
from ..wire.replies import ReplyChannel
from .engine import Engine
from .request import Request

if TYPE_CHECKING:
    from ..model.text_model import TextModel


class Preparation:
    """Requests on their way to the engine.

    Grammars have a thread of their own: trying and compiling one takes seconds, and requests without one overtake it.
    Questions have one too, which long texts may take as long.
    """

    def __init__(self, engine: Engine, replies: ReplyChannel, registry: Registry) -> None:
        self._engine = engine
        self._prompts = PreparingThread(self._tokenize, replies, registry)
        self._grammars = PreparingThread(self._constrain, replies, registry)
        self._questions = questions_thread(replies, registry)
        self.threads = (self._prompts, self._grammars, self._questions)
        """Each is to be run with the model."""

    def submit(self, task: Request | Question) -> None:
        """Hand over a new request, or a question."""
        thread = self._questions if isinstance(task, Question) else self._prompts
        thread.submit(task)

    def _tokenize(self, request: Request, model: "TextModel") -> None:
        frame = request.frame
        refuse_overlong(request, model)
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
