"""Answers of each family of templates, and what is in them."""

from chat_answers import Answer

BAR = "\uff5c"
LODZ = ("get_weather", '{"city":"Łódź 🙂","days":2}')
OSLO = ("get_weather", '{"city":"Oslo"}')


def deepseek(text: str) -> str:
    return text.replace("|", BAR)


CASES: list[tuple[str, str, Answer]] = [
    # Plain text, with and without what may become a marker.
    ("qwen3", "Grüße, 漢字 🙂.", Answer("Grüße, 漢字 🙂.", "", [])),
    ("qwen3", " a < b, <tool_ and <tool_caller> end <", Answer(" a < b, <tool_ and <tool_caller> end <", "", [])),
    ("qwen3", "It says <think> here </think>.", Answer("It says <think> here </think>.", "", [])),
    ("gemma3", "Just text.\n", Answer("Just text.\n", "", [])),
    # Reasoning.
    ("qwen3", "<think>\nhm\n\nyes\n</think>\n\nHello\n", Answer("Hello\n", "hm\n\nyes", [])),
    ("qwen3", "\n<think></think>Hello", Answer("Hello", "", [])),
    ("qwen3", "<think>a </thin </think>b", Answer("b", "a </thin", [])),
    ("qwen3", "<think>never closed \n", Answer("", "never closed", [])),
    ("gemma4", "<|channel>thought\nhm<channel|>Hello", Answer("Hello", "hm", [])),
    # Calls as tagged JSON.
    (
        "qwen3",
        '<think>\nplan <tool_call>{"name": "x", "arguments": {}}</tool_call>\n</think>\n\nSure.\n<tool_call>\n'
        '{"name": "get_weather", "arguments": {"city": "Łódź 🙂", "days": 2}}\n</tool_call>\n<tool_call>\n'
        '{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>',
        Answer("Sure.\n", 'plan <tool_call>{"name": "x", "arguments": {}}</tool_call>', [LODZ, OSLO]),
    ),
    (
        "qwen3",
        '<think>So I call <tool_call>{"name": "get_weather", "arguments": {"city": "Oslo"}}</tool_call>',
        Answer("", 'So I call <tool_call>{"name": "get_weather", "arguments": {"city": "Oslo"}}</tool_call>', [OSLO]),
    ),
    (
        "qwen3",
        '<tool_call>[{"arguments": {"city": "Oslo"}, "name": "get_weather"}, {"name": "now"}]</tool_call> Done.',
        Answer("Done.", "", [OSLO, ("now", "{}")]),
    ),
    (
        "qwen3",
        '<tool_call>{"function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}</tool_call>',
        Answer("", "", [OSLO]),
    ),
    (
        "qwen3",
        '<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"Oslo\\"}"}</tool_call>',
        Answer("", "", [OSLO]),
    ),
    (
        "qwen3",
        '<tool_call>{"name": "unheard_of", "arguments": null}</tool_call>',
        Answer("", "", [("unheard_of", "{}")]),
    ),
    (
        "qwen3",
        '<tool_call>{"name": "f", "arguments": {"a": "<tool_call>x</tool_call>", "b": "</tool_call>"}}</tool_call>!',
        Answer("!", "", [("f", '{"a":"<tool_call>x</tool_call>","b":"</tool_call>"}')]),
    ),
    (
        "gemma3",
        'I look.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>\n',
        Answer("I look.\n", "", [OSLO]),
    ),
    # Broken calls: repaired where that is plain, text where it is not.
    ("qwen3", '<tool_call>{"name": "f", "arguments": {"a": [1, 2</tool_call>', Answer("", "", [("f", '{"a":[1,2]}')])),
    (
        "qwen3",
        "<tool_call>{'name': 'f', 'arguments': {'a': True,},}</tool_call>",
        Answer("", "", [("f", '{"a":true}')]),
    ),
    (
        "qwen3",
        '<tool_call>{"name": "f", "arguments": {"a": "x\ny"}}}}</tool_call>',
        Answer("", "", [("f", '{"a":"x\\ny"}')]),
    ),
    (
        "qwen3",
        '<tool_call>{"name": "f", "arguments": {"a": "x}}</tool_call>\n<tool_call>{"name": "now"}</tool_call>',
        Answer("", "", [("f", '{"a":"x}}"}'), ("now", "{}")]),
    ),
    (
        "qwen3",
        '<tool_call>{"name": "f", "arguments": {"a": 1, ?? "b": 2}}</tool_call> end',
        Answer('?? "b": 2}} end', "", [("f", '{"a":1}')]),
    ),
    ("qwen3", "<tool_call>nonsense</tool_call> end", Answer("<tool_call>nonsense</tool_call> end", "", [])),
    ("qwen3", "<tool_call></tool_call>", Answer("<tool_call></tool_call>", "", [])),
    (
        "qwen3",
        '<tool_call>{"arguments": {"a": 1}}</tool_call>',
        Answer('<tool_call>{"arguments": {"a": 1}}</tool_call>', "", []),
    ),
    (
        "qwen3",
        '<tool_call>{"name": "f", "arguments": [1]}</tool_call>',
        Answer('<tool_call>{"name": "f", "arguments": [1]}</tool_call>', "", []),
    ),
    (
        "qwen3",
        '<tool_call>oops <tool_call>{"name": "now", "arguments": {}}</tool_call>',
        Answer("<tool_call>oops ", "", [("now", "{}")]),
    ),
    # Llama: bare objects.
    ("llama3", '{"name": "get_weather", "parameters": {"city": "Oslo"}}', Answer("", "", [OSLO])),
    ("llama3", '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Oslo"}}', Answer("", "", [OSLO])),
    ("llama3", '{"type": "function", "name": "now"}', Answer("", "", [("now", "{}")])),
    (
        "llama3",
        '{"name": "get_weather", "parameters": {"city": "Oslo"}}; {"name": "now", "parameters": {}}',
        Answer("", "", [OSLO, ("now", "{}")]),
    ),
    ("llama3", '{"result": [1, 2]} is JSON', Answer('{"result": [1, 2]} is JSON', "", [])),
    ("llama3", ' {"name": "Bob"}', Answer(' {"name": "Bob"}', "", [])),
    ("llama3", '{"name": "Bob", "age": 5}', Answer('{"name": "Bob", "age": 5}', "", [])),
    ("llama3", 'Use {"name": "now"}', Answer('Use {"name": "now"}', "", [])),
    ("llama3", '<|python_tag|>search.call(query="x")', Answer('<|python_tag|>search.call(query="x")', "", [])),
    # Mistral: a list, or names and arguments.
    (
        "mistral_v3",
        '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Oslo"}, "id": "abcdefghi"}, {"name": "now"}]',
        Answer("", "", [OSLO, ("now", "{}")]),
    ),
    (
        "mistral_v3",
        'Well. [TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Oslo"}}]\nThanks',
        Answer("Well. \nThanks", "", [OSLO]),
    ),
    ("mistral_v3", "[TOOL_CALLS] never mind", Answer("[TOOL_CALLS] never mind", "", [])),
    (
        "mistral_v11",
        '[TOOL_CALLS]get_weather[ARGS]{"city": "Łódź 🙂", "days": 2}[TOOL_CALLS]now[CALL_ID]abcdefghi[ARGS]{}',
        Answer("", "", [LODZ, ("now", "{}")]),
    ),
    ("mistral_v11", '[TOOL_CALLS]get_weather{"city": "Oslo"}', Answer("", "", [OSLO])),
    ("mistral_v11", '[TOOL_CALLS]get_weather[ARGS]{"city": "Oslo"}now[ARGS]{}', Answer("", "", [OSLO, ("now", "{}")])),
    (
        "mistral_v11",
        '[TOOL_CALLS]get_weather[ARGS]{"city": "[TOOL_CALLS]"',
        Answer("", "", [("get_weather", '{"city":"[TOOL_CALLS]"}')]),
    ),
    # DeepSeek: V3.1, and R1 with fences.
    (
        "deepseek",
        deepseek(
            '<|tool▁calls▁begin|><|tool▁call▁begin|>get_weather<|tool▁sep|>{"city": "Oslo"}<|tool▁call▁end|>'
            "<|tool▁call▁begin|>now<|tool▁sep|>{}<|tool▁call▁end|><|tool▁calls▁end|>"
        ),
        Answer("", "", [OSLO, ("now", "{}")]),
    ),
    (
        "deepseek",
        deepseek(
            "<think>hm</think>\n<|tool▁calls▁begin|><|tool▁call▁begin|>function<|tool▁sep|>get_weather\n"
            '```json\n{"city": "Oslo"}\n```<|tool▁call▁end|><|tool▁calls▁end|>'
        ),
        Answer("", "hm", [OSLO]),
    ),
    # GPT-OSS: channels.
    (
        "gpt_oss",
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hello <b>",
        Answer("Hello <b>", "hm", []),
    ),
    (
        "gpt_oss",
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
        "<|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
        '{"city": "Łódź 🙂", "days": 2}<|call|>',
        Answer("I look.", "hm", [LODZ]),
    ),
    (
        "gpt_oss",
        ' to=functions.get_weather<|channel|>commentary json<|message|>{"city": "Oslo"}<|end|>'
        "<|start|>assistant to=functions.now<|channel|>commentary json<|message|><|call|>",
        Answer("", "", [OSLO, ("now", "{}")]),
    ),
    (
        "gpt_oss",
        '<|channel|>commentary to=functions.f<|message|>{"a": "x <|end|> y"}<|call|>',
        Answer("", "", [("f", '{"a":"x <|end|> y"}')]),
    ),
    (
        "gpt_oss",
        "<|channel|>commentary to=functions.f<|message|>{'a': 1<|end|><|start|>assistant<|channel|>final<|message|>ok",
        Answer("ok", "", [("f", '{"a":1}')]),
    ),
    ("gpt_oss", "<|channel|>commentary to=functions.f<|message|>no JSON<|call|>", Answer("no JSON", "", [])),
    (
        "gpt_oss",
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>analysis<|message|>b"
        "<|start|>assistant<|channel|>final<|message|>c",
        Answer("c", "a\n\nb", []),
    ),
    ("gpt_oss", "No channel at all.", Answer("No channel at all.", "", [])),
    # What the library's parsers read.
    (
        "function_gemma",
        "<start_function_call>call:get_weather{city:<escape>Łódź 🙂<escape>,days:2}<end_function_call>",
        Answer("", "", [LODZ]),
    ),
    (
        "function_gemma",
        "<start_function_call>call:f{a:<escape>}, b:<escape>,c:[1,<escape>x<escape>],d:{e:true}}<end_function_call>",
        Answer("", "", [("f", '{"a":"}, b:","c":[1,"x"],"d":{"e":true}}')]),
    ),
    (
        "gemma4",
        '<|tool_call>call:get_weather{city:<|"|>Łódź 🙂<|"|>,days:2}<tool_call|><|tool_call>call:now{}<tool_call|>',
        Answer("", "", [LODZ, ("now", "{}")]),
    ),
    ("gemma4", "<|tool_call>broken<tool_call|> end", Answer("<|tool_call>broken<tool_call|> end", "", [])),
    (
        "qwen3_coder",
        "Look:\n<tool_call>\n<function=get_weather>\n<parameter=city>\nŁódź 🙂\n</parameter>\n"
        "<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>",
        Answer("Look:\n", "", [LODZ]),
    ),
    (
        "qwen3_coder",
        "<tool_call>\n<function=get_weather>\n<parameter=days>\ntwo\n</parameter>\n</function>\n</tool_call>",
        Answer(
            "<tool_call>\n<function=get_weather>\n<parameter=days>\ntwo\n</parameter>\n</function>\n</tool_call>",
            "",
            [],
        ),
    ),
    (
        "pythonic",
        '<|tool_call_start|>[get_weather(city="Łódź 🙂", days=2), now()]<|tool_call_end|>',
        Answer("", "", [LODZ, ("now", "{}")]),
    ),
]
