"""A scripted OpenAI upstream for the SDK tests: raw asyncio, in a thread of the test process.

What it does is written in the last message of the request: a word and its arguments; a model's name
that begins with `do:` says it instead. Every request and the time at which its connection was closed
are kept in `Mock.seen`.
"""

import asyncio
import base64
import json
import struct
import threading
import time

KEY = "sk-upstream-fedcba9876543210"
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 4},
}
UNICODE = "\u00e9\u00fc \U0001f980\u200d\U0001f468 \u2028 \u05e9\u05dc\u05d5\u05dd \"quoted\" \\ end"
TOOL = {
    "index": 0,
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": ""},
}
ARGUMENTS = ['{"ci', 'ty": "Par', 'is"}']


class Seen:
    """One request and what became of its connection."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body
        self.closed_at = None


class Mock:
    """The running upstream."""

    def __init__(self):
        self.seen = []
        self.lock = threading.Condition()
        self.port = None
        threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True).start()
        with self.lock:
            assert self.lock.wait_for(lambda: self.port, timeout=10), "the mock did not start"

    async def _run(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 26)
        with self.lock:
            self.port = server.sockets[0].getsockname()[1]
            self.lock.notify_all()
        await server.serve_forever()

    def last(self):
        with self.lock:
            return self.seen[-1]

    def wait(self, check, timeout=5):
        """Waits until `check(seen)` gives something true."""
        with self.lock:
            found = self.lock.wait_for(lambda: check(self.seen), timeout)
            assert found, "the upstream never saw it"
            return found

    def _note(self, change):
        with self.lock:
            change()
            self.lock.notify_all()

    async def _serve(self, reader, writer):
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        seen = Seen(head[0].split(" ")[1], headers, body)
        self._note(lambda: self.seen.append(seen))
        # The next byte belongs to the next request; an end before it is the gateway's close.
        watch = asyncio.ensure_future(self._watch(reader, seen))
        try:
            await answer(seen, Out(writer, seen))
        finally:
            watch.cancel()
        return seen.closed_at is None

    async def _watch(self, reader, seen):
        while not reader.at_eof() and reader.exception() is None:
            # A StreamReader tells of an end only to whoever reads, so look every half millisecond.
            await asyncio.sleep(0.0005)
        now = time.monotonic()
        self._note(lambda: setattr(seen, "closed_at", now))


class Out:
    """Writes one answer."""

    def __init__(self, writer, seen):
        self.writer, self.seen = writer, seen

    async def raw(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def whole(self, status, value, headers=()):
        body = json.dumps(value).encode()
        lines = [f"HTTP/1.1 {status} Said", "content-type: application/json"]
        lines += [*headers, f"content-length: {len(body)}", "", ""]
        await self.raw("\r\n".join(lines).encode() + body)

    async def start(self):
        await self.raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )

    async def chunk(self, data):
        await self.raw(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def event(self, value, split=0):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        data = f"data: {text}\n\n".encode()
        for start in range(0, len(data), split or len(data)):
            await self.chunk(data[start : start + (split or len(data))])

    async def end(self, usage=True):
        await self.event(piece({}, finish="stop"))
        if usage and (self.seen.body.get("stream_options") or {}).get("include_usage"):
            await self.event({**piece({}), "choices": [], "usage": USAGE})
        await self.event("[DONE]")
        await self.raw(b"0\r\n\r\n")


def piece(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "real-model",
        "choices": [choice],
    }


def completion(message, finish="stop"):
    message = {"role": "assistant", "content": None, **message}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "real-model",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": USAGE,
    }


def error(status):
    code = {429: "rate_limit_exceeded", 400: "context_length_exceeded"}.get(status)
    return {"error": {"message": f"said {status}", "type": "test", "param": "p", "code": code}}


async def answer(seen, out):
    if seen.headers.get("authorization") != f"bearer {KEY}".lower():
        return await out.whole(401, error(401))
    if seen.path == "/v1/embeddings":
        return await embeddings(seen, out)
    content, model = seen.body["messages"][-1]["content"], seen.body["model"]
    script = model.removeprefix("do:").split(":") if model.startswith("do:") else content.split(" ")
    word, *arguments = script
    if word == "status":
        return await out.whole(int(arguments[0]), error(int(arguments[0])), ["retry-after: 3"])
    if word == "hang":
        return await asyncio.sleep(30)
    if seen.body.get("stream"):
        return await stream(word, arguments, out)
    if word == "tools":
        call = {**TOOL, "function": {"name": "get_weather", "arguments": "".join(ARGUMENTS)}}
        call.pop("index")
        return await out.whole(200, completion({"tool_calls": [call]}, "tool_calls"))
    text = UNICODE if word == "unicode" else f"you said {content}"
    return await out.whole(200, completion({"content": text}))


async def stream(word, arguments, out):
    await out.start()
    await out.event(piece({"role": "assistant", "content": ""}))
    if word == "tools":
        await out.event(piece({"tool_calls": [TOOL]}))
        for part in ARGUMENTS:
            await out.event(piece({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}))
        return await out.end()
    if word == "unicode":
        await out.event(piece({"content": UNICODE}), split=1)
        return await out.end()
    if word == "cut":
        await out.event(piece({"content": "half"}))
        out.writer.transport.abort()
        raise ConnectionResetError
    if word == "error":
        await out.event({"error": {"message": "overloaded", "type": "server_error", "code": None}})
        return await out.raw(b"0\r\n\r\n")
    count, pause = int(arguments[0]), float(arguments[1]) / 1000
    name = arguments[2] if len(arguments) > 2 else ""
    for number in range(count):
        text = name and f"{name}-{number} " or f"{time.monotonic():.6f} "
        await out.event(piece({"content": text}))
        await asyncio.sleep(pause)
        if out.seen.closed_at is not None:
            return None
    return await out.end()


async def embeddings(seen, out):
    inputs = seen.body["input"]
    inputs = inputs if isinstance(inputs, list) else [inputs]
    vectors = [[0.25 * n, -1.5, 3.0] for n in range(len(inputs))]
    if seen.body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack("<3f", *v)).decode() for v in vectors]
    data = [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(vectors)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    await out.whole(200, {"object": "list", "data": data, "model": "embed-model", "usage": usage})
