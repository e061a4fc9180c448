"""Every kind of provider as the official clients of OpenAI and Anthropic see it."""

import json

import anthropic
import openai
import pytest

from conftest import Gateway
from mock_providers import ARGS, THOUGHT, Providers

TARGETS = {
    "openai": "openai/gpt-4o",
    "anthropic": "anthropic/claude-sonnet-4-5",
    "gemini": "gemini/gemini-3-pro",
    "bedrock": "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
NAMES = ["get_weather", "get_time"]
TOOLS = [
    {"type": "function", "function": {"name": name, "description": "d", "parameters": SCHEMA}}
    for name in NAMES
]
CLAUDE_TOOLS = [{"name": name, "description": "d", "input_schema": SCHEMA} for name in NAMES]

targets = pytest.mark.parametrize("target", list(TARGETS))
ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def providers():
    return Providers()


@pytest.fixture(scope="module")
def url(providers, tmp_path_factory):
    host = f"http://127.0.0.1:{providers.port}"
    tables = f"""
[providers.openai]
kind = "openai"
base_url = "{host}/v1"
[providers.anthropic]
kind = "anthropic"
base_url = "{host}"
api_key = "k"
[providers.gemini]
kind = "google"
base_url = "{host}/v1beta"
api_key = "k"
[providers.bedrock]
kind = "bedrock"
base_url = "{host}"
region = "us-east-1"
access_key = "AKID"
secret_key = "s"
"""
    running = Gateway(tmp_path_factory.mktemp("providers"), providers.port, tables)
    yield running.url
    running.stop()


def ask(oa, target, stream, messages, **more):
    """Text, calls (id, name, arguments), finish and usage of an answer."""
    more = {"model": TARGETS[target], "messages": messages, **more}
    if not stream:
        answer = oa.chat.completions.create(**more)
        choice = answer.choices[0]
        calls = [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls or []]
        return choice.message.content or "", calls, choice.finish_reason, answer.usage
    text, calls, finish, usage = "", {}, None, None
    for chunk in oa.chat.completions.create(
        stream=True, stream_options={"include_usage": True}, **more
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or []:
                known = calls.setdefault(call.index, [call.id, call.function.name, ""])
                known[2] += call.function.arguments or ""
    return text, [tuple(call) for call in calls.values()], finish, usage


@targets
@ways
def test_openai_text_and_usage(oa, target, stream):
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello \U0001f980"}]
    text, calls, finish, usage = ask(oa, target, stream, messages)
    assert (text, calls, finish) == ("you said hello \U0001f980", [], "stop")
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (130, 25, 155)
    assert usage.prompt_tokens_details.cached_tokens == 20


@targets
@ways
def test_openai_tools_over_several_turns(oa, target, stream):
    messages = [{"role": "user", "content": "both please"}]
    for turn in range(3):
        text, calls, finish, _ = ask(oa, target, stream, messages, tools=TOOLS)
        assert text == "Let me see. " and finish == "tool_calls"
        assert [name for _, name, _ in calls] == NAMES
        assert [json.loads(a) for _, _, a in calls] == [{**ARGS, "n": n} for n in range(2)]
        asked = [
            {"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls
        ]
        messages.append({"role": "assistant", "content": text, "tool_calls": asked})
        # The results come back the other way round.
        for call, name, _ in reversed(calls):
            messages.append({"role": "tool", "tool_call_id": call, "content": f"{name} {turn}"})
        text, calls, finish, _ = ask(oa, target, stream, messages, tools=TOOLS)
        assert finish == "stop" and not calls
        for name in NAMES:
            assert f"{name}={name} {turn}" in text
        messages.append({"role": "assistant", "content": text})
        messages.append({"role": "user", "content": "both again"})


def claude_ask(client, target, stream, messages, **more):
    more = {"model": TARGETS[target], "messages": messages, "max_tokens": 500, **more}
    if not stream:
        return client.messages.create(**more)
    with client.messages.stream(**more) as events:
        for _ in events:
            pass
        return events.get_final_message()


def claude_text(answer):
    return "".join(block.text for block in answer.content if block.type == "text")


@targets
@ways
def test_claude_text_and_usage(claude, target, stream):
    answer = claude_ask(claude, target, stream, [{"role": "user", "content": "hello"}], system="be brief")
    assert claude_text(answer) == "you said hello" and answer.stop_reason == "end_turn"
    usage = answer.usage
    assert usage.cache_read_input_tokens == 20 and usage.output_tokens == 25
    assert usage.input_tokens + 20 + (usage.cache_creation_input_tokens or 0) == 130


@targets
@ways
def test_claude_tools_and_thinking_over_several_turns(claude, target, stream):
    messages = [{"role": "user", "content": "both please"}]
    for turn in range(2):
        answer = claude_ask(claude, target, stream, messages, tools=CLAUDE_TOOLS)
        uses = [block for block in answer.content if block.type == "tool_use"]
        assert answer.stop_reason == "tool_use" and [use.name for use in uses] == NAMES
        assert [use.input for use in uses] == [{**ARGS, "n": n} for n in range(2)]
        messages.append({"role": "assistant", "content": answer.content})
        results = [
            {"type": "tool_result", "tool_use_id": use.id, "content": f"{use.name} {turn}"} for use in uses
        ]
        messages.append({"role": "user", "content": results})
        answer = claude_ask(claude, target, stream, messages, tools=CLAUDE_TOOLS)
        for name in NAMES:
            assert f"{name}={name} {turn}" in claude_text(answer)
        messages.append({"role": "assistant", "content": answer.content})
        messages.append({"role": "user", "content": "think first"})
        answer = claude_ask(claude, target, stream, messages, tools=CLAUDE_TOOLS)
        thoughts = "".join(b.thinking for b in answer.content if b.type == "thinking")
        assert thoughts == ("" if target == "openai" else THOUGHT)
        messages.append({"role": "assistant", "content": answer.content})
        messages.append({"role": "user", "content": "both again"})


@targets
@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
@ways
def test_a_request_as_claude_code_sends_it(claude, target, version, stream):
    tools = [
        {"name": f"Tool{n}", "description": "does " * 20, "input_schema": {**SCHEMA, "$schema": "x"}}
        for n in range(24)
    ]
    tools[-1]["cache_control"] = {"type": "ephemeral"}
    mark = {"cache_control": {"type": "ephemeral"}}
    answer = claude_ask(
        claude,
        target,
        stream,
        [
            {"role": "user", "content": [{"type": "text", "text": "<system-reminder>"}, {"type": "text", "text": "call it", **mark}]},
        ],
        system=[{"type": "text", "text": "You are a coding agent."}, {"type": "text", "text": "Be exact.", **mark}],
        tools=tools,
        thinking={"type": "enabled", "budget_tokens": 1024},
        max_tokens=32000,
        metadata={"user_id": "user_1"},
        extra_headers={"anthropic-version": version, "anthropic-beta": "interleaved-thinking-2025-05-14"},
    )
    uses = [block for block in answer.content if block.type == "tool_use"]
    assert [use.name for use in uses] == ["Tool0"] and uses[0].input["city"] == ARGS["city"]


@targets
def test_claude_counts_tokens(claude, target):
    counted = claude.messages.count_tokens(
        model=TARGETS[target], messages=[{"role": "user", "content": "hello there"}]
    )
    expected = {"anthropic": [42], "gemini": [43], "bedrock": [44]}.get(target, range(2, 20))
    assert counted.input_tokens in expected


def test_claude_lists_models(claude):
    everything = [model.id for model in claude.models.list()]
    assert TARGETS["openai"] not in everything and "org/deep/model" in everything
    page = claude.models.list(limit=2)
    assert page.has_more and [model.id for model in page.data] == everything[:2]
    # The SDK turns the pages.
    assert [model.id for model in page] == everything
    back = claude.models.list(limit=2, before_id=everything[-1])
    assert [model.id for model in back.data] == everything[-3:-1]
    one = claude.models.retrieve("org/deep/model")
    assert (one.id, one.type, one.display_name) == ("org/deep/model", "model", "org/deep/model")
    assert one.created_at.year >= 2025 and one.lifecycle == "active"


def test_claude_is_told_what_was_wrong(claude):
    with pytest.raises(anthropic.NotFoundError):
        claude_ask(claude, "openai", False, [{"role": "user", "content": "x"}], model="nobody")
    with pytest.raises(anthropic.AuthenticationError):
        wrong = claude.with_options(api_key="sk-wrong")
        claude_ask(wrong, "openai", False, [{"role": "user", "content": "x"}])
    with pytest.raises(anthropic.BadRequestError):
        claude_ask(claude, "openai", False, [])
    with pytest.raises(anthropic.NotFoundError) as wrong:
        claude.models.retrieve("nobody")
    assert wrong.value.type == "not_found_error" and wrong.value.request_id
    with pytest.raises(anthropic.NotFoundError) as wrong:
        claude.get("/v1/nowhere", cast_to=object)
    assert wrong.value.type == "not_found_error" and wrong.value.request_id
    with pytest.raises(anthropic.AuthenticationError) as wrong:
        claude.with_options(api_key="sk-wrong").models.list()
    assert wrong.value.type == "authentication_error"
