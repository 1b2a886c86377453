"""Drives the API with one of the official Python clients; prints what came back as one JSON document.

Usage: python python_clients.py CLIENT PLAN. CLIENT is openai or langchain; PLAN is a JSON object with url, model,
embedding_model, question, sentences, tool_result, answer_tokens, schema_tokens and too_hot.
"""

import json
import sys
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class City(BaseModel):
    """Finds a city."""

    model_config = ConfigDict(extra="forbid")

    city: Literal["Paris", "Rome"]
    isCapital: bool  # noqa: N815 - the name on the wire


LOOPBACK = ("127.0.0.1", "localhost")


def refuse_foreign_hosts(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: whatever a client wants to tell or to fetch, only the agent on this machine is asked."""
    host = None
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    if host is not None and host not in LOOPBACK:
        raise RuntimeError(f"a client wants to reach {host}")


def with_openai(plan: dict[str, Any]) -> dict[str, Any]:
    """All subjects by the package openai."""
    import openai
    from openai.types.chat import ChatCompletionMessageParam

    client = openai.OpenAI(base_url=plan["url"], api_key="any", max_retries=0)
    model = plan["model"]
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": plan["question"]}]
    free = {"model": model, "messages": messages, "temperature": 0, "max_tokens": plan["answer_tokens"]}
    bound = {"model": model, "messages": messages, "seed": 1, "max_tokens": plan["schema_tokens"]}

    def usage_of(usage: Any) -> dict[str, int]:
        return {"input": usage.prompt_tokens, "output": usage.completion_tokens, "total": usage.total_tokens}

    def chat() -> dict[str, Any]:
        answer = client.chat.completions.create(**free)
        return {"text": answer.choices[0].message.content, "usage": usage_of(answer.usage)}

    def stream() -> dict[str, Any]:
        deltas, usage = [], None
        for chunk in client.chat.completions.create(**free, stream=True, stream_options={"include_usage": True}):
            deltas += [choice.delta.content or "" for choice in chunk.choices]
            usage = chunk.usage
        return {"deltas": deltas, "usage": usage_of(usage)}

    def tools() -> dict[str, Any]:
        tool = openai.pydantic_function_tool(City, name="look_up")
        forced = {"type": "function", "function": {"name": "look_up"}}
        answer = client.chat.completions.parse(**bound, tools=[tool], tool_choice=forced)
        message = answer.choices[0].message
        calls = message.tool_calls or []
        result = {"role": "tool", "tool_call_id": calls[0].id, "content": plan["tool_result"]}
        after = client.chat.completions.create(
            **{**free, "messages": [*messages, message, result]}, tools=[tool], tool_choice="none"
        )
        with client.chat.completions.stream(**bound, tools=[tool], tool_choice=forced) as events:
            streamed = events.get_final_completion().choices[0].message.tool_calls or []
        return {
            "calls": [
                {"name": call.function.name, "arguments": call.function.parsed_arguments.model_dump()}
                for call in [*calls, *streamed]
            ],
            "answer": after.choices[0].message.content,
        }

    def objects() -> list[Any]:
        chat = client.chat.completions.parse(**bound, response_format=City)
        with client.chat.completions.stream(**bound, response_format=City) as events:
            streamed = events.get_final_completion()
        response = client.responses.parse(
            model=model,
            input=plan["question"],
            temperature=0,
            max_output_tokens=plan["schema_tokens"],
            text_format=City,
        )
        parsed = [chat.choices[0].message.parsed, streamed.choices[0].message.parsed, response.output_parsed]
        return [each.model_dump() for each in parsed]

    def embeddings() -> list[Any]:
        request = {"model": plan["embedding_model"], "input": plan["sentences"]}
        # Without a format the client asks for base64 and decodes it.
        answers = [
            client.embeddings.create(**request),
            client.embeddings.create(**request, encoding_format="float"),
        ]
        return [[item.embedding for item in answer.data] for answer in answers]

    def error() -> dict[str, Any]:
        try:
            client.chat.completions.create(**{**free, "temperature": plan["too_hot"]})
        except openai.BadRequestError as error:
            return {"status": error.status_code, "message": str(error)}
        raise AssertionError("it was not refused")

    return answers_of(chat, stream, tools, objects, embeddings, error)


def with_langchain(plan: dict[str, Any]) -> dict[str, Any]:
    """All subjects by the package langchain-openai."""
    import openai
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings

    question = HumanMessage(plan["question"])
    common = {"base_url": plan["url"], "api_key": "any", "max_retries": 0}
    free = {"model": plan["model"], "temperature": 0, "max_tokens": plan["answer_tokens"], **common}
    bound = ChatOpenAI(model=plan["model"], seed=1, max_tokens=plan["schema_tokens"], **common)

    def usage_of(usage: Any) -> dict[str, int]:
        return {"input": usage["input_tokens"], "output": usage["output_tokens"], "total": usage["total_tokens"]}

    def chat() -> dict[str, Any]:
        answer = ChatOpenAI(**free).invoke([question])
        return {"text": answer.content, "usage": usage_of(answer.usage_metadata)}

    def stream() -> dict[str, Any]:
        chunks = list(ChatOpenAI(**free, stream_usage=True).stream([question]))
        usage = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
        return {"deltas": [chunk.content for chunk in chunks], "usage": usage_of(usage[-1])}

    def tools() -> dict[str, Any]:
        called = bound.bind_tools([City], tool_choice="City", strict=True).invoke([question])
        result = ToolMessage(plan["tool_result"], tool_call_id=called.tool_calls[0]["id"])
        answering = ChatOpenAI(**free).bind_tools([City], tool_choice="none")
        return {
            "calls": [{"name": call["name"], "arguments": call["args"]} for call in called.tool_calls],
            "answer": answering.invoke([question, called, result]).content,
        }

    def objects() -> list[Any]:
        responses = ChatOpenAI(**{**free, "max_tokens": plan["schema_tokens"]}, use_responses_api=True)
        ways = [
            bound.with_structured_output(City, method="json_schema", strict=True),
            bound.with_structured_output(City, method="function_calling"),
            responses.with_structured_output(City, method="json_schema", strict=True),
        ]
        return [way.invoke([question]).model_dump() for way in ways]

    def embeddings() -> list[Any]:
        # Counting tokens itself it would fetch the vocabulary of another model, and send its tokens.
        model = OpenAIEmbeddings(model=plan["embedding_model"], check_embedding_ctx_length=False, **common)
        sentences = plan["sentences"]
        return [model.embed_documents(sentences), [model.embed_query(sentence) for sentence in sentences]]

    def error() -> dict[str, Any]:
        try:
            ChatOpenAI(**{**free, "temperature": plan["too_hot"]}).invoke([question])
        except openai.BadRequestError as error:
            return {"status": error.status_code, "message": str(error)}
        raise AssertionError("it was not refused")

    return answers_of(chat, stream, tools, objects, embeddings, error)


def answers_of(*subjects: Callable[[], Any]) -> dict[str, Any]:
    """What each subject gave, by its name."""
    return {subject.__name__: subject() for subject in subjects}


def main() -> None:
    """Run one client."""
    sys.addaudithook(refuse_foreign_hosts)
    client, plan = sys.argv[1], json.loads(sys.argv[2])
    print(json.dumps({"openai": with_openai, "langchain": with_langchain}[client](plan)))


if __name__ == "__main__":
    main()
