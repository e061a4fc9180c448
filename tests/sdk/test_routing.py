"""Retries, fallbacks, timeouts and bounds as the official clients see them."""

import http.client
import json
import socket
import time
import urllib.request

import anthropic
import openai
import pytest

import mock_upstream
from conftest import CLIENT_KEY, Gateway
from mock_providers import ARGS, Providers

# What each timeout under test is set to, in seconds.
SET = 0.5
OPENAI = 'kind = "openai"\nbase_url = "http://127.0.0.1:{port}/v1"\nmax_retries = 0\n'
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}

ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def provider(name, models, script, more="", key=mock_upstream.KEY):
    """A provider whose upstream does for `models` what `script` says."""
    keys = json.dumps(key)
    each = [f'{{ name = "{model}", upstream = "do:{script}" }}' for model in models.split()]
    return f"[providers.{name}]\n{OPENAI}api_key = {keys}\nmodels = [{', '.join(each)}]\n{more}\n"


def tables(port, claude, full):
    last = "weight = 0"  # asked only when no other can
    parts = [
        provider("quiet", "silent", "hang", f"first_byte_timeout = {SET}"),
        provider("pausing", "pause", "words:2:20000:w", f"stream_idle_timeout = {SET}"),
        provider("endless", "endless", "words:100000:20:w", f"timeout = {SET}"),
        provider("stuck", "stuck", "hang", f"timeout = {SET}"),
        provider("limited", "limited", "status:429"),
        provider("down_one", "down-False down-True", "status:503"),
        provider("down_two", "down-False down-True", "status:503"),
        provider("keyring", "two-keys", "words:1:0:w", key=["sk-wrong", mock_upstream.KEY]),
        provider("locked", "one-key", "words:1:0:w", key="sk-wrong"),
        provider("shaky", "shaky", "error"),
        provider("steady", "shaky", "words:3:0:w", last),
        provider("cutting", "cut", "cut"),
        provider("spare", "cut", "words:3:0:w", last),
        provider("small", "small", "status:400"),
        provider("large", "large", "words:3:0:w"),
        provider("lone", "lone", "status:400"),
        provider("failing", "crossed-False crossed-True", "status:500"),
        provider("gate", "narrow", "words:2:300:w", "max_parallel = 1\nmax_queue = 0"),
    ]
    return "".join(parts).replace("{port}", str(port)) + f"""
[providers.claude]
kind = "anthropic"
base_url = "http://127.0.0.1:{claude}"
api_key = "k"
models = [
    {{ name = "crossed-False", upstream = "claude-sonnet-4-5" }},
    {{ name = "crossed-True", upstream = "claude-sonnet-4-5" }},
]
{last}
[providers.full]
kind = "openai"
base_url = "http://127.0.0.1:{full}/v1"
api_key = "k"
models = ["unreachable"]
max_retries = 0
connect_timeout = {SET}
[fallbacks]
small = [{{ model = "large", on = ["context_length"] }}]
"""


@pytest.fixture(scope="module")
def full():
    """A port that takes no more connections."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    held = []
    for _ in range(4):
        caller = socket.socket()
        caller.settimeout(0.1)
        held.append(caller)
        try:
            caller.connect(listener.getsockname())
        except TimeoutError:
            break
    yield listener.getsockname()[1]
    for each in [listener, *held]:
        each.close()


@pytest.fixture(scope="module")
def claude_upstream():
    return Providers()


@pytest.fixture(scope="module")
def router(mock, claude_upstream, full, tmp_path_factory):
    more = tables(mock.port, claude_upstream.port, full)
    running = Gateway(tmp_path_factory.mktemp("routing"), mock.port, more)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def url(router):
    return router.url


def chat(oa, model, text="hi", **more):
    messages = [{"role": "user", "content": text}]
    return oa.chat.completions.with_raw_response.create(model=model, messages=messages, **more)


def message(claude, model, text="hi", **more):
    messages = [{"role": "user", "content": text}]
    return claude.messages.create(model=model, max_tokens=100, messages=messages, **more)


def said(raw, stream):
    """The text, the calls by name and arguments, and the finish of an answer."""
    if not stream:
        choice = raw.parse().choices[0]
        calls = choice.message.tool_calls or []
        told = [(c.function.name, c.function.arguments) for c in calls]
        return choice.message.content or "", told, choice.finish_reason
    text, calls, finish = "", {}, None
    for chunk in raw.parse():
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or []:
                known = calls.setdefault(call.index, [call.function.name, ""])
                known[1] += call.function.arguments or ""
    return text, [tuple(call) for call in calls.values()], finish


def seen(mock, script):
    """How often the upstream was asked to do `script`."""
    with mock.lock:
        return sum(each.body.get("model") == f"do:{script}" for each in mock.seen)


def on_time(started):
    took = time.monotonic() - started
    assert SET * 0.9 <= took < SET * 10, took


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("unreachable", "connect_timeout"),
        ("silent", "first_byte_timeout"),
        ("stuck", "timeout"),
    ],
)
@ways
def test_a_stall_before_the_answer_is_a_504(oa, claude, model, key, stream):
    started = time.monotonic()
    with pytest.raises(openai.InternalServerError) as caught:
        chat(oa, model, stream=stream)
    on_time(started)
    assert (caught.value.status_code, caught.value.code) == (504, "upstream_timeout")
    assert key in str(caught.value)
    started = time.monotonic()
    with pytest.raises(anthropic.InternalServerError) as caught:
        message(claude, model, stream=stream)
    on_time(started)
    assert caught.value.status_code == 504
    assert caught.value.body["error"]["type"] == "timeout_error", caught.value.body


@pytest.mark.parametrize(
    ("model", "key"), [("pause", "stream_idle_timeout"), ("endless", "timeout")]
)
def test_a_stall_after_content_ends_the_stream_with_an_exception(oa, claude, model, key):
    started = time.monotonic()
    text = ""
    with pytest.raises(openai.APIError) as caught:
        for chunk in chat(oa, model, stream=True).parse():
            text += chunk.choices[0].delta.content or ""
    on_time(started)
    assert text.startswith("w-0 ") and key in str(caught.value), caught.value
    assert caught.value.code == "upstream_timeout"
    text, started = "", time.monotonic()
    with pytest.raises(anthropic.APIStatusError) as caught:
        for event in message(claude, model, stream=True):
            if event.type == "content_block_delta":
                text += event.delta.text
            assert event.type != "message_stop"
    on_time(started)
    assert text.startswith("w-0 ") and key in str(caught.value), caught.value


@ways
def test_an_upstreams_limit_is_a_rate_limit_error_with_its_time(oa, claude, stream):
    with pytest.raises(openai.RateLimitError) as caught:
        chat(oa, "limited", stream=stream)
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] in ("3", "2", "1")
    with pytest.raises(anthropic.RateLimitError) as caught:
        message(claude, "limited", stream=stream)
    assert caught.value.response.headers["retry-after"] in ("3", "2", "1")


@ways
def test_the_clients_retries_do_not_multiply_ours(oa, mock, stream):
    before = seen(mock, "status:503")
    with pytest.raises(openai.InternalServerError) as caught:
        chat(oa.with_options(max_retries=2), f"down-{stream}", stream=stream)
    headers = caught.value.response.headers
    assert caught.value.status_code == 503
    assert headers["x-crabllm-attempts"] == "2"
    assert headers["x-should-retry"] == "false"
    assert seen(mock, "status:503") - before == 2, "the client asked again"


def test_another_key_is_asked_where_one_is_refused(oa, mock):
    attempts = [chat(oa, "two-keys", stream=True) for _ in range(24)]
    assert {said(raw, True)[0] for raw in attempts} == {"w-0 "}
    told = [raw.headers["x-crabllm-attempts"] for raw in attempts]
    with mock.lock:
        wrong = sum(each.headers["authorization"] == "bearer sk-wrong" for each in mock.seen)
    assert told.count("2") == wrong > 0, "each refusal was made good"
    assert told.count("1") == 24 - wrong


@ways
def test_a_wrong_key_of_the_gateways_own_is_told_as_such(oa, stream):
    with pytest.raises(openai.AuthenticationError) as caught:
        chat(oa, "one-key", stream=stream)
    assert caught.value.body["message"] == "said 401", "the upstream's words"


def test_an_error_event_before_content_is_not_seen(oa, claude):
    for _ in range(3):
        raw = chat(oa, "shaky", stream=True)
        assert said(raw, True) == ("w-0 w-1 w-2 ", [], "stop")
        assert raw.headers["x-crabllm-provider"] == "steady"
        assert raw.headers["x-crabllm-attempts"] == "2"
        assert "shaky" in raw.headers["x-crabllm-tried"]
    events = list(message(claude, "shaky", stream=True))
    assert events[0].type == "message_start" and events[-1].type == "message_stop"


def test_what_was_said_is_not_said_again(oa, claude, mock):
    before = seen(mock, "words:3:0:w")
    text = ""
    with pytest.raises(openai.APIError):
        for chunk in chat(oa, "cut", stream=True).parse():
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
    assert text == "half"
    # The SDK would end quietly at [DONE], so it is looked for in what was sent.
    body = {"model": "cut", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    headers = {"authorization": f"Bearer {CLIENT_KEY}", "content-type": "application/json"}
    asked = json.dumps(body).encode()
    ask = urllib.request.Request(f"{oa.base_url}chat/completions", asked, headers)
    with urllib.request.urlopen(ask, timeout=20) as answer:
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
    wire = caught.value.partial
    assert b'"half"' in wire and b'"error"' in wire and b"[DONE]" not in wire
    with pytest.raises(anthropic.APIError):
        list(message(claude, "cut", stream=True))
    assert seen(mock, "words:3:0:w") == before, "nobody else was asked"


def test_a_prompt_too_long_goes_to_the_model_listed_for_it(oa):
    raw = chat(oa, "small", stream=True)
    assert said(raw, True) == ("w-0 w-1 w-2 ", [], "stop")
    assert raw.headers["x-crabllm-provider"] == "large"


@ways
def test_a_prompt_too_long_is_the_clients_where_none_is_listed(oa, claude, stream):
    with pytest.raises(openai.BadRequestError) as caught:
        chat(oa, "lone", stream=stream)
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(anthropic.BadRequestError):
        message(claude, "lone", stream=stream)


@ways
def test_another_protocol_takes_the_place_of_one_that_fails(
    router, oa, claude, claude_upstream, stream
):
    raw = chat(oa, f"crossed-{stream}", "call me", stream=stream, tools=[TOOL])
    text, [(name, arguments)], finish = said(raw, stream)
    assert (name, finish) == ("get_weather", "tool_calls")
    assert json.loads(arguments) == {**ARGS, "n": 0}
    assert raw.headers["x-crabllm-provider"] == "claude"
    assert "failing" in raw.headers["x-crabllm-tried"]
    record = router.record(raw)
    assert (record["provider"], record["upstream_model"]) == ("claude", "claude-sonnet-4-5")
    assert (record["outcome"], record["attempts"], record["stream"]) == ("answered", 2, stream)
    assert [attempt["provider"] for attempt in record["tried"]] == ["failing"]
    assert claude_upstream.last()[0].startswith("/v1/messages")
    answer = message(claude, f"crossed-{stream}", "hello", stream=stream)
    if stream:
        deltas = [event for event in answer if event.type == "content_block_delta"]
        assert "".join(event.delta.text for event in deltas) == "you said hello"
    else:
        assert answer.content[0].text == "you said hello"


def test_more_than_the_bound_is_told_to_come_again(oa):
    first = iter(chat(oa, "narrow", stream=True).parse())
    next(first)
    with pytest.raises(openai.InternalServerError) as caught:
        chat(oa, "narrow", stream=True)
    assert caught.value.status_code == 503
    assert int(caught.value.response.headers["retry-after"]) >= 1
    assert list(first)[-1].choices[0].finish_reason == "stop"
    assert said(chat(oa, "narrow", stream=True), True) == ("w-0 w-1 ", [], "stop")
