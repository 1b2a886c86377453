"""Frames that are too long for the agent."""

from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.replies import LONGEST_FRAME, ReplyChannel
from reply_reader import replies_to


def test_a_reply_that_is_too_long_ends_its_own_request_only() -> None:
    def send(replies: ReplyChannel) -> None:
        replies.send({"type": "detokenized", "id": "long", "text": "\u2728" * (LONGEST_FRAME // 6 + 1)})
        replies.send({"type": "detokenized", "id": "short", "text": "zebra"})

    failed, answered = replies_to(send)
    assert (failed["type"], failed["id"], failed["kind"]) == ("failed", "long", "internal")
    assert answered == {"type": "detokenized", "id": "short", "text": "zebra"}


def test_of_a_step_only_the_output_that_is_too_long_is_lost() -> None:
    outputs = [{"id": "a", "text": "a"}, {"id": "long", "text": "x" * LONGEST_FRAME}, {"id": "b", "text": "b"}]
    first, failed, last = replies_to(lambda replies: replies.send({"type": "step", "outputs": outputs}))
    assert (failed["type"], failed["id"]) == ("failed", "long")
    assert [first["outputs"], last["outputs"]] == [outputs[:1], outputs[2:]]


def test_a_reply_of_the_longest_length_is_sent() -> None:
    frame = {"type": "detokenized", "id": "a", "text": ""}
    frame["text"] = "x" * (LONGEST_FRAME - len('{"type":"detokenized","id":"a","text":""}'))
    assert replies_to(lambda replies: replies.send(frame)) == [frame]


def test_an_error_is_told_as_it_is() -> None:
    (failed,) = replies_to(lambda replies: replies.send_failed("a", RequestError("no", "prompt")))
    assert failed == {"type": "failed", "id": "a", "kind": "invalid", "message": "no", "param": "prompt"}
