"""Scripted upstreams of every protocol for the SDK tests, in threads of the test process.

What one answers follows from the request: results of tools are read back, "call" and "both" make
calls of the first tools offered, "think" thinks first, anything else is repeated. Each protocol's
server keeps its own rules about turns, and answers 400 where one is broken.
"""

import base64
import binascii
import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ARGS = {"city": "Z\u00fcrich \U0001f980", "days": 3, "ratio": 1.5, "none": None}
THOUGHT = "Let me think \U0001f914."
SIGNATURE = base64.b64encode(b"signed by the mock").decode()
# 100 fresh, 20 read from the cache, 10 written to it; 25 out.
USAGE = {"fresh": 100, "read": 20, "write": 10, "out": 25}


class Broken(Exception):
    """The request breaks a rule of the protocol."""


def rule(holds, text):
    if not holds:
        raise Broken(text)


class Say:
    """A neutral answer."""

    def __init__(self, texts, results, tools):
        self.thought, self.text, self.calls = None, "", []
        if results:
            self.text = "results: " + ", ".join(f"{name}={text}" for name, text in results)
            return
        said = texts[-1] if texts else ""
        word = said.split(" ")[0]
        if word == "think":
            self.thought = THOUGHT
        if word in ("call", "both") and tools:
            names = tools[: 2 if word == "both" else 1]
            self.calls = [(f"call-{at}", name, {**ARGS, "n": at}) for at, name in enumerate(names)]
            self.text = "Let me see. " if word == "both" else ""
        else:
            self.text = f"you said {said}"

    def pieces(self, text, size=5):
        return [text[at : at + size] for at in range(0, len(text), size)]


# OpenAI


def openai_read(body):
    names, texts, results, open_calls = {}, [], [], set()
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        if role != "tool":
            rule(not open_calls, f"calls without results: {open_calls}")
        if role == "assistant":
            results = []
            for call in message.get("tool_calls") or []:
                json.loads(call["function"]["arguments"])
                names[call["id"]] = call["function"]["name"]
                open_calls.add(call["id"])
        elif role == "tool":
            rule(message["tool_call_id"] in open_calls, "a result of no call")
            open_calls.discard(message["tool_call_id"])
            rule(isinstance(content, str), "a result that is a list")
            results.append((names[message["tool_call_id"]], content))
        elif role == "user":
            # Of texts alone it takes no list, as servers like OpenAI's do not.
            lines = isinstance(content, str)
            rule(lines or any(part["type"] != "text" for part in content), "a list of texts")
            texts += content.split("\n") if lines else [p["text"] for p in content if p["type"] == "text"]
            results = []
    tools = [tool["function"]["name"] for tool in body.get("tools") or []]
    return Say(texts, results, tools)


def openai_usage():
    prompt = USAGE["fresh"] + USAGE["read"] + USAGE["write"]
    details = {"cached_tokens": USAGE["read"], "cache_write_tokens": USAGE["write"]}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": USAGE["out"],
        "total_tokens": prompt + USAGE["out"],
        "prompt_tokens_details": details,
    }


def openai_calls(say):
    return [
        {"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}
        for i, n, a in say.calls
    ]


def openai_whole(say, model):
    message = {"role": "assistant", "content": say.text or None}
    if say.calls:
        message["tool_calls"] = openai_calls(say)
    finish = "tool_calls" if say.calls else "stop"
    choice = {"index": 0, "message": message, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
    return {**head, "choices": [choice], "usage": openai_usage()}


def openai_stream(say, model):
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}

    def chunk(delta, finish=None):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {**head, "choices": [choice], "usage": None}

    yield chunk({"role": "assistant", "content": ""})
    for piece in say.pieces(say.text):
        yield chunk({"content": piece})
    for at, call in enumerate(openai_calls(say)):
        arguments = call["function"].pop("arguments")
        yield chunk({"tool_calls": [{"index": at, **call}]})
        for piece in say.pieces(arguments):
            yield chunk({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
    yield chunk({}, "tool_calls" if say.calls else "stop")
    yield {**head, "choices": [], "usage": openai_usage()}


# Anthropic


def blocks(content):
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def anthropic_read(body):
    rule(isinstance(body.get("max_tokens"), int), "max_tokens is missing")
    names, texts, results, waiting, last = {}, [], [], set(), None
    for message in body["messages"]:
        role, parts = message["role"], blocks(message["content"])
        rule(parts and (last or role == "user"), "a first turn that is the model's, or an empty one")
        last = role
        results = []
        for part in parts:
            if part["type"] == "text":
                rule(part["text"].strip(), "an empty text")
                texts += [part["text"]] if role == "user" else []
            elif part["type"] == "tool_use":
                rule(isinstance(part["input"], dict), "an input that is no object")
                names[part["id"]] = part["name"]
                waiting.add(part["id"])
            elif part["type"] == "tool_result":
                rule(part["tool_use_id"] in waiting, "a result of no call")
                waiting.discard(part["tool_use_id"])
                text = "".join(p.get("text", "") for p in blocks(part.get("content") or ""))
                results.append((names[part["tool_use_id"]], text))
            elif part["type"] == "thinking":
                rule(part["signature"] == SIGNATURE, "a signature that is not ours")
        if role == "user":
            rule(not waiting, f"calls without results: {waiting}")
    rule(last == "user", "no prefill")
    tools = [tool["name"] for tool in body.get("tools") or [] if "input_schema" in tool]
    rule(all(t["input_schema"]["type"] == "object" for t in body.get("tools") or []), "a schema")
    return Say(texts, results, tools)


def anthropic_usage():
    return {
        "input_tokens": USAGE["fresh"],
        "cache_read_input_tokens": USAGE["read"],
        "cache_creation_input_tokens": USAGE["write"],
        "output_tokens": USAGE["out"],
    }


def anthropic_whole(say, model):
    content = []
    if say.thought:
        content.append({"type": "thinking", "thinking": say.thought, "signature": SIGNATURE})
    if say.text:
        content.append({"type": "text", "text": say.text})
    content += [{"type": "tool_use", "id": i, "name": n, "input": a} for i, n, a in say.calls]
    reason = "tool_use" if say.calls else "end_turn"
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": model}
    tail = {"stop_reason": reason, "stop_sequence": None, "usage": anthropic_usage()}
    return {**head, "content": content, **tail}


def anthropic_stream(say, model):
    whole = anthropic_whole(say, model)
    start = {**whole, "content": [], "stop_reason": None}
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    for at, block in enumerate(whole["content"]):
        kind = block["type"]
        if kind == "text":
            first, name, deltas = {"text": ""}, "text_delta", say.pieces(block["text"])
        elif kind == "thinking":
            first = {"thinking": "", "signature": ""}
            name, deltas = "thinking_delta", say.pieces(block["thinking"])
        else:
            first = {"id": block["id"], "name": block["name"], "input": {}}
            name, deltas = "input_json_delta", ["", *say.pieces(json.dumps(block["input"]))]
        field = {"input_json_delta": "partial_json"}.get(name, kind)
        block_start = {"type": kind, **first}
        yield {"type": "content_block_start", "index": at, "content_block": block_start}
        for delta in deltas:
            delta = {"type": name, field: delta}
            yield {"type": "content_block_delta", "index": at, "delta": delta}
        if kind == "thinking":
            delta = {"type": "signature_delta", "signature": SIGNATURE}
            yield {"type": "content_block_delta", "index": at, "delta": delta}
        yield {"type": "content_block_stop", "index": at}
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": USAGE["out"]}}
    yield {"type": "message_stop"}


# Gemini


def gemini_read(body):
    texts, results, waiting = [], [], []
    plain = [at for at, c in enumerate(body["contents"]) if c["role"] == "user" and any("text" in p for p in c["parts"])]
    for at, content in enumerate(body["contents"]):
        results = []
        for part in content["parts"]:
            if "functionCall" in part:
                # Of the turns before the user's last words nothing is asked.
                signed = part.get("thoughtSignature") or waiting or at < plain[-1]
                rule(signed, "Function call is missing a thought_signature")
                waiting.append(part["functionCall"]["name"])
            elif "functionResponse" in part:
                response = part["functionResponse"]
                rule(waiting and waiting[0] == response["name"], f"{response} for {waiting}")
                waiting.pop(0)
                value = response["response"]
                results.append((response["name"], value.get("output", json.dumps(value))))
            elif "text" in part and content["role"] == "user":
                texts.append(part["text"])
        if content["role"] == "user":
            rule(not waiting, f"calls without results: {waiting}")
    tools = [
        f["name"] for tool in body.get("tools") or [] for f in tool.get("functionDeclarations", [])
    ]
    return Say(texts, results, tools)


def gemini_usage():
    prompt = USAGE["fresh"] + USAGE["read"] + USAGE["write"]
    return {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": USAGE["read"],
        "candidatesTokenCount": USAGE["out"],
        "totalTokenCount": prompt + USAGE["out"],
    }


def gemini_chunk(parts, model, finish=None):
    candidate = {"index": 0, "content": {"role": "model", "parts": parts}}
    if finish:
        candidate["finishReason"] = finish
    usage = {"usageMetadata": gemini_usage(), "modelVersion": model, "responseId": "r1"}
    return {"candidates": [candidate], **usage}


def gemini_parts(say):
    parts = [{"text": say.thought, "thought": True}] if say.thought else []
    parts += [{"text": say.text}] if say.text else []
    for at, (_, name, arguments) in enumerate(say.calls):
        part = {"functionCall": {"name": name, "args": arguments}}
        parts.append({**part, "thoughtSignature": SIGNATURE} if at == 0 else part)
    return parts


def gemini_whole(say, model):
    return gemini_chunk(gemini_parts(say), model, "STOP")


def gemini_stream(say, model):
    for part in gemini_parts(say):
        for text in say.pieces(part["text"]) if "text" in part else [None]:
            yield gemini_chunk([part if text is None else {**part, "text": text}], model)
    yield gemini_chunk([{"text": ""}], model, "STOP")


# Bedrock


def bedrock_read(body):
    names, texts, results, waiting, last = {}, [], [], set(), None
    for message in body["messages"]:
        rule(message["role"] != last and message["content"], "roles must alternate")
        last = message["role"]
        results = []
        for part in message["content"]:
            rule(len(part) == 1, f"not one kind: {list(part)}")
            if "text" in part and last == "user":
                texts.append(part["text"])
            elif "toolUse" in part:
                names[part["toolUse"]["toolUseId"]] = part["toolUse"]["name"]
                waiting.add(part["toolUse"]["toolUseId"])
            elif "toolResult" in part:
                rule(part["toolResult"]["toolUseId"] in waiting, "a result of no call")
                waiting.discard(part["toolResult"]["toolUseId"])
                content = part["toolResult"]["content"]
                text = "".join(p.get("text") or json.dumps(p.get("json")) for p in content)
                results.append((names[part["toolResult"]["toolUseId"]], text))
        if last == "user":
            rule(not waiting, f"calls without results: {waiting}")
    rule(not names or "toolConfig" in body, "toolConfig is missing")
    tools = [t["toolSpec"]["name"] for t in body.get("toolConfig", {}).get("tools", []) if "toolSpec" in t]
    return Say(texts, results, tools)


def bedrock_usage():
    total = sum(USAGE.values())
    return {
        "inputTokens": USAGE["fresh"],
        "outputTokens": USAGE["out"],
        "totalTokens": total,
        "cacheReadInputTokens": USAGE["read"],
        "cacheWriteInputTokens": USAGE["write"],
    }


def bedrock_whole(say, _model):
    content = []
    if say.thought:
        reasoning = {"text": say.thought, "signature": SIGNATURE}
        content.append({"reasoningContent": {"reasoningText": reasoning}})
    content += [{"text": say.text}] if say.text else []
    for i, name, arguments in say.calls:
        content.append({"toolUse": {"toolUseId": i, "name": name, "input": arguments}})
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use" if say.calls else "end_turn",
        "usage": bedrock_usage(),
        "metrics": {"latencyMs": 5},
    }


def bedrock_stream(say, model):
    yield "messageStart", {"role": "assistant"}
    whole = bedrock_whole(say, model)
    for at, block in enumerate(whole["output"]["message"]["content"]):
        if "toolUse" in block:
            use = block["toolUse"]
            start = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
            yield "contentBlockStart", {"contentBlockIndex": at, "start": start}
            deltas = [{"toolUse": {"input": p}} for p in say.pieces(json.dumps(use["input"]))]
        elif "text" in block:
            deltas = [{"text": piece} for piece in say.pieces(block["text"])]
        else:
            text = block["reasoningContent"]["reasoningText"]["text"]
            deltas = [{"reasoningContent": {"text": piece}} for piece in say.pieces(text)]
            deltas.append({"reasoningContent": {"signature": SIGNATURE}})
        for delta in deltas:
            yield "contentBlockDelta", {"contentBlockIndex": at, "delta": delta, "p": "abc"}
        yield "contentBlockStop", {"contentBlockIndex": at}
    yield "messageStop", {"stopReason": whole["stopReason"]}
    yield "metadata", {"usage": whole["usage"], "metrics": whole["metrics"]}


def eventstream(name, payload):
    """One message of AWS's event stream."""
    headers = b""
    for key, value in ((":message-type", "event"), (":event-type", name), (":content-type", "application/json")):
        headers += bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    data = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(data), len(headers))
    prelude += struct.pack(">I", binascii.crc32(prelude))
    message = prelude + headers + data
    return message + struct.pack(">I", binascii.crc32(message))


class Handler(BaseHTTPRequestHandler):
    """One connection to the server of all protocols."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        path = self.path.split("?")[0]
        try:
            if path.endswith("/count_tokens"):
                return self.whole(200, {"input_tokens": 42})
            if path.endswith(":countTokens"):
                return self.whole(200, {"totalTokens": 43})
            if path.endswith("/count-tokens"):
                return self.whole(200, {"inputTokens": 44})
            self.chat(path, body)
        except Broken as broken:
            self.whole(400, {"error": {"message": str(broken), "type": "invalid_request_error"}})

    def chat(self, path, body):
        if path.endswith("/chat/completions"):
            say, whole, stream = openai_read(body), openai_whole, openai_stream
            streamed, model = body.get("stream"), body["model"]
            frames = lambda: [*(f"data: {json.dumps(e)}\n\n" for e in stream(say, model)), "data: [DONE]\n\n"]
        elif path.endswith("/messages"):
            say, whole, stream = anthropic_read(body), anthropic_whole, anthropic_stream
            streamed, model = body.get("stream"), body["model"]
            frames = lambda: [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in stream(say, model)]
        elif "GenerateContent" in path or "generateContent" in path:
            say, whole, stream = gemini_read(body), gemini_whole, gemini_stream
            streamed, model = "stream" in path, "gemini"
            frames = lambda: [f"data: {json.dumps(e)}\r\n\r\n" for e in stream(say, model)]
        else:
            say, whole, stream = bedrock_read(body), bedrock_whole, bedrock_stream
            streamed, model = path.endswith("-stream"), "bedrock"
            frames = lambda: [eventstream(name, payload) for name, payload in stream(say, model)]
        if not streamed:
            return self.whole(200, whole(say, model))
        kind = "application/vnd.amazon.eventstream" if "converse" in path else "text/event-stream"
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for frame in frames():
            data = frame if isinstance(frame, bytes) else frame.encode()
            # Cut without regard to frames or characters.
            for at in range(0, len(data), 50):
                part = data[at : at + 50]
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def whole(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Providers:
    """The running server."""

    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.seen = []
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def last(self):
        """Path, headers and body of the last request."""
        return self.server.seen[-1]
