"""Starts the scripted upstream and a gateway in front of it; the binary's path is in CRABLLM_BIN."""

import json
import os
import re
import signal
import ssl
import subprocess
import threading

import anthropic
import openai
import pytest
import trustme

import mock_upstream

CLIENT_KEY = "sk-crab-test-0123456789abcdef"
NARROW_KEY = "sk-narrow-0123456789abcdef"

CONFIG = """
listen = "127.0.0.1:0"
shutdown_timeout = 2
[runtime]
pin = false
[providers.mock]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
api_key = "{upstream_key}"
models = ["real-model", {{ name = "alias-model", upstream = "real-model" }}, "embed-model", "org/deep/model"]
max_retries = 0
[[keys]]
name = "sdk"
key = "{client_key}"
[[keys]]
name = "narrow"
key = "{narrow_key}"
models = ["embed-model"]
[extensions.logging]
level = "info"
"""


class Gateway:
    """A gateway process; `url` is what a client is given."""

    def __init__(self, directory, port, tables=""):
        file = directory / "crabllm.toml"
        values = {"port": port, "upstream_key": mock_upstream.KEY}
        config = CONFIG.format(client_key=CLIENT_KEY, narrow_key=NARROW_KEY, **values)
        file.write_text(config + tables)
        driver = os.environ.get("CRABLLM_TEST_DRIVER", "auto")
        command = [os.environ["CRABLLM_BIN"], "serve", "--config", str(file), "--driver", driver]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"]},
        )
        self.log = []
        self.records = {}
        self.changed = threading.Condition()
        # Nobody else empties the pipes.
        threading.Thread(target=self._read_records, daemon=True).start()
        self.url = None
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r"listening on (https?://\S+)", line)
            if found:
                self.url = found.group(1) + "/v1"
                break
        assert self.url, "".join(self.log)
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()

    def _read_records(self):
        for line in self.process.stdout:
            record = json.loads(line)
            with self.changed:
                self.records[record["request_id"]] = record
                self.changed.notify_all()

    def record(self, raw):
        """The record of an answer's request; waits for it."""
        name = raw.headers["x-request-id"]
        with self.changed:
            assert self.changed.wait_for(lambda: name in self.records, timeout=10), name
            return self.records[name]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        assert code == 0, "".join(self.log)


@pytest.fixture(scope="session")
def mock():
    return mock_upstream.Mock()


@pytest.fixture(scope="session")
def gateway(mock, tmp_path_factory):
    running = Gateway(tmp_path_factory.mktemp("gateway"), mock.port)
    yield running
    running.stop()


@pytest.fixture
def https_client(mock, tmp_path):
    """A client of a gateway that serves HTTPS with a certificate of an authority of its own."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    for part in issued.cert_chain_pems:
        part.write_to_path(str(cert), append=True)
    issued.private_key_pem.write_to_path(str(key))
    running = Gateway(tmp_path, mock.port, f'[tls]\ncert = "{cert}"\nkey = "{key}"\n')
    assert running.url.startswith("https://")
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with openai.OpenAI(
        base_url=running.url,
        api_key=CLIENT_KEY,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(verify=trust, timeout=20),
    ) as made:
        yield made
    running.stop()


@pytest.fixture
def client(gateway):
    with openai.OpenAI(
        base_url=gateway.url, api_key=CLIENT_KEY, max_retries=0, timeout=20
    ) as made:
        yield made


@pytest.fixture
def narrow(gateway):
    with openai.OpenAI(
        base_url=gateway.url, api_key=NARROW_KEY, max_retries=0, timeout=20
    ) as made:
        yield made


@pytest.fixture(scope="module")
def oa(url):
    """OpenAI's client of the gateway at the module's own `url`."""
    with openai.OpenAI(base_url=url, api_key=CLIENT_KEY, max_retries=0, timeout=20) as made:
        yield made


@pytest.fixture(scope="module")
def claude(url):
    """Anthropic's, of the same."""
    base = url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=base, api_key=CLIENT_KEY, max_retries=0, timeout=20) as made:
        yield made
