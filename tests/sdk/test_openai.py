"""The gateway as the official OpenAI client sees it."""

import asyncio
import json
import time

import openai
import pytest

from mock_upstream import UNICODE

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


def messages(text):
    return [{"role": "system", "content": "be brief"}, {"role": "user", "content": text}]


def chat(client, text, **more):
    more.setdefault("model", "real-model")
    return client.chat.completions.create(messages=messages(text), **more)


def text_of(stream):
    return "".join(c.delta.content or "" for chunk in stream for c in chunk.choices)


def test_a_whole_answer(client, mock):
    answer = chat(client, "hello")
    assert answer.choices[0].message.content == "you said hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens == 11 and answer.usage.total_tokens == 18
    assert answer.usage.prompt_tokens_details.cached_tokens == 4
    assert mock.last().body["messages"] == messages("hello")


def test_the_raw_answer_carries_the_gateways_headers(client):
    raw = client.chat.completions.with_raw_response.create(
        model="alias-model", messages=messages("hello")
    )
    assert raw.headers["x-crabllm-provider"] == "mock"
    assert raw.headers["x-crabllm-model"] == "alias-model"
    assert raw.headers["x-crabllm-attempts"] == "1"
    assert raw.parse()._request_id == raw.headers["x-request-id"]


def test_an_alias_is_resolved_upstream(client, mock):
    chat(client, "hello", model="alias-model")
    assert mock.last().body["model"] == "real-model"


def test_a_stream(client):
    chunks = list(chat(client, "words 5 0 w", stream=True))
    assert text_of(chunks) == "w-0 w-1 w-2 w-3 w-4 "
    assert [c.finish_reason for chunk in chunks for c in chunk.choices][-1] == "stop"
    assert all(chunk.choices for chunk in chunks), "nobody asked for the usage chunk"


def test_a_stream_with_usage(client):
    chunks = list(chat(client, "words 3 0 w", stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 7
    assert sum(chunk.usage is not None for chunk in chunks) == 1


def test_chunks_arrive_as_they_are_produced(client):
    delays = []
    for chunk in chat(client, "words 40 10", stream=True):
        text = chunk.choices[0].delta.content if chunk.choices else None
        if text:
            delays.append(time.monotonic() - float(text))
    assert len(delays) == 40
    delays.sort()
    assert delays[20] < 0.02 and delays[35] < 0.1, delays


def test_the_stream_helper(client):
    with client.chat.completions.stream(model="real-model", messages=messages("words 3 0 w")) as s:
        final = s.get_final_completion()
    assert final.choices[0].message.content == "w-0 w-1 w-2 "


def test_tools_whole(client, mock):
    answer = chat(client, "tools", tools=TOOLS, tool_choice="auto")
    call = answer.choices[0].message.tool_calls[0]
    assert (call.id, call.function.name) == ("call_1", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    assert answer.choices[0].finish_reason == "tool_calls"
    assert mock.last().body["tools"] == TOOLS


def test_tools_streamed(client):
    arguments = ""
    for chunk in chat(client, "tools", tools=TOOLS, stream=True):
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or []:
                arguments += call.function.arguments or ""
    assert json.loads(arguments) == {"city": "Paris"}


def test_unicode_whole(client):
    assert chat(client, "unicode").choices[0].message.content == UNICODE


def test_unicode_in_single_bytes(client):
    assert text_of(chat(client, "unicode", stream=True)) == UNICODE


def test_unicode_to_the_upstream(client, mock):
    assert chat(client, "say " + UNICODE).choices[0].message.content.endswith(UNICODE)
    assert mock.last().body["messages"][-1]["content"] == "say " + UNICODE


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_upstream_errors_are_the_clients_exceptions(client, status, kind, stream):
    with pytest.raises(kind) as caught:
        chat(client, f"status {status}", stream=stream)
    assert caught.value.status_code == status
    assert f"said {status}" in caught.value.message
    assert (caught.value.type, caught.value.param) == ("test", "p")
    assert caught.value.response.headers["retry-after"] == "3"


def test_an_error_event_is_an_exception(client):
    with pytest.raises(openai.APIError, match="overloaded"):
        list(chat(client, "error", stream=True))


def test_a_cut_stream_is_an_exception(client):
    got = []
    with pytest.raises(openai.APIError):
        for chunk in chat(client, "cut", stream=True):
            got.append(chunk)
    assert text_of(got) == "half"


def test_a_wrong_key(gateway):
    with openai.OpenAI(base_url=gateway.url, api_key="sk-wrong", max_retries=0) as wrong:
        with pytest.raises(openai.AuthenticationError) as caught:
            chat(wrong, "hello")
        assert caught.value.code == "invalid_api_key"
        with pytest.raises(openai.AuthenticationError):
            wrong.models.list()


def test_a_forbidden_and_an_unknown_model(client, narrow):
    with pytest.raises(openai.PermissionDeniedError):
        chat(narrow, "hello")
    with pytest.raises(openai.NotFoundError) as caught:
        chat(client, "hello", model="no-such-model")
    assert caught.value.code == "model_not_found"


def test_a_bad_request(client):
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="real-model", messages=[])


def test_embeddings_as_base64_and_as_floats(client, mock):
    for more, kind in (({}, "base64"), ({"encoding_format": "float"}, "float")):
        answer = client.embeddings.create(model="embed-model", input=["a", "b"], **more)
        assert [item.embedding for item in answer.data] == [[0.0, -1.5, 3.0], [0.25, -1.5, 3.0]]
        assert answer.usage.prompt_tokens == 5
        assert mock.last().body["encoding_format"] == kind


def test_models(client, narrow):
    names = {model.id for model in client.models.list()}
    assert {"real-model", "alias-model", "embed-model", "org/deep/model"} <= names
    assert {model.id for model in narrow.models.list()} == {"embed-model"}
    assert client.models.retrieve("org/deep/model").id == "org/deep/model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_a_hundred_parallel_streams(gateway, client):
    async def one(made, number):
        text = f"words 20 2 n{number}"
        stream = await made.chat.completions.create(
            model="real-model", messages=messages(text), stream=True
        )
        parts = [c.delta.content or "" async for chunk in stream for c in chunk.choices]
        assert "".join(parts) == "".join(f"n{number}-{n} " for n in range(20))

    async def all_of_them():
        async with openai.AsyncOpenAI(
            base_url=gateway.url, api_key=client.api_key, max_retries=0, timeout=60
        ) as made:
            await asyncio.gather(*(one(made, number) for number in range(100)))

    asyncio.run(all_of_them())


def leaving_times(client, mock):
    """Seconds from the client's close to the upstream's, in order, over some streams."""
    times = []
    for _ in range(20):
        stream = chat(client, "words 1000 2 w", stream=True)
        for _, _ in zip(range(3), stream):
            pass
        seen = mock.last()
        left = time.monotonic()
        stream.close()
        mock.wait(lambda _, seen=seen: seen.closed_at)
        times.append(seen.closed_at - left)
    return sorted(times)


def test_a_client_that_leaves_takes_the_upstream_with_it(client, mock):
    # What else the machine does can only add to the times: one good round is enough.
    rounds = []
    for _ in range(5):
        rounds.append(leaving_times(client, mock))
        if rounds[-1][17] <= 0.02 and rounds[-1][-1] <= 0.1:
            return
    pytest.fail(f"too late in every round: {rounds}")


def test_a_tls_listener(https_client):
    assert chat(https_client, "hello").choices[0].message.content == "you said hello"
    assert text_of(chat(https_client, "words 5 0 w", stream=True)) == "w-0 w-1 w-2 w-3 w-4 "
    assert {"real-model"} <= {model.id for model in https_client.models.list()}
    with pytest.raises(openai.AuthenticationError):
        chat(https_client.with_options(api_key="sk-wrong"), "hello")


def test_a_client_that_gives_up_waiting(client, mock):
    started = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        chat(client.with_options(timeout=0.3), "hang")
    seen = mock.last()
    mock.wait(lambda _: seen.closed_at)
    assert seen.closed_at - started < 1


def test_the_clients_key_stays_here(client, mock):
    chat(client, "hello", extra_headers={"x-secret": "s", "openai-beta": "b=1"})
    headers = mock.last().headers
    assert client.api_key not in json.dumps(headers)
    assert "x-secret" not in headers and not any(n.startswith("x-stainless") for n in headers)
    assert headers["openai-beta"] == "b=1"
