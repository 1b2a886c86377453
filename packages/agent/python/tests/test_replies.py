"""Frames that the agent would not take."""

import pytest

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


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_of_a_step_only_the_output_with_a_number_that_is_none_is_lost(number: float) -> None:
    outputs = [{"id": "a", "text": "a"}, {"id": "odd", "logprobs": [{"logprob": number}]}, {"id": "b", "text": "b"}]
    first, failed, last = replies_to(lambda replies: replies.send({"type": "step", "outputs": outputs}))
    assert (failed["type"], failed["id"], failed["kind"]) == ("failed", "odd", "internal")
    assert "a number that JSON does not have" in failed["message"]
    assert [first["outputs"], last["outputs"]] == [outputs[:1], outputs[2:]]


def test_a_number_that_is_none_is_the_senders_mistake_where_no_request_is_concerned() -> None:
    def send(replies: ReplyChannel) -> None:
        with pytest.raises(ValueError, match="JSON"):
            replies.send({"type": "pong", "nonce": 1, "preparing_seconds": float("nan")})

    assert replies_to(send) == []


def test_an_error_is_told_as_it_is() -> None:
    (failed,) = replies_to(lambda replies: replies.send_failed("a", RequestError("no", "prompt")))
    assert failed == {"type": "failed", "id": "a", "kind": "invalid", "message": "no", "param": "prompt"}
