"""`openai/<model>`: any OpenAI-compatible chat completions endpoint, with one retry loop of our own."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from toolalpaca.models.bodies import decode, token_count
from toolalpaca.models.boundary import (
    ChatModel,
    Completion,
    Fault,
    ModelConfig,
    ModelFailure,
    Prices,
)
from toolalpaca.models.keys import WORD, key_fragments, key_traces, read_key
from toolalpaca.models.pacing import Deadline, Gate, Health, PerMinute, backoff, retry_after
from toolalpaca.models.prompts import Prompt
from toolalpaca.models.retrying import LONGEST_WAIT, PATIENCE_429, RETRIED, TRIES_UNANSWERED
from toolalpaca.schema import ToolAlpacaError

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class OpenAIModel(ChatModel):
    """Chat completions over the `openai` package.

    Attributes:
        gate: the slots of requests in flight; a backoff wait holds none.

    Raises:
        ToolAlpacaError: the key's environment variable is unset and the endpoint is not on this machine.
    """

    def __init__(self, config: ModelConfig):
        self.config = config
        self.name = config.model
        self.base_url = (
            config.base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        ).rstrip("/")
        self._key = read_key(config.api_key_env)
        self._traces, self._fragments = key_traces(self._key), key_fragments(self._key)
        host = self._check_base_url()
        self._local = host in LOOPBACK
        if not self._key:
            if not self._local:
                raise ToolAlpacaError(
                    f"{config.model} at {self.base_url} needs a key: set the variable {config.api_key_env}"
                )
            self._key = "none-needed"
        self.gate = Gate()
        self.deadline, self._health = Deadline(config.timeout), Health()
        self._requests = PerMinute(config.requests_per_minute) if config.requests_per_minute else None
        self._tokens = PerMinute(config.tokens_per_minute) if config.tokens_per_minute else None
        self._client: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._answered = False  # whether the endpoint ever sent a reply or a refusal
        self._mean_out = 300.0  # tokens of a reply, for the tokens-per-minute limit
        self._parameters = dict(config.parameters)
        if config.temperature is not None:
            self._parameters["temperature"] = config.temperature
        if config.max_tokens is not None:
            self._parameters["max_tokens"] = config.max_tokens

    @property
    def prices(self) -> Prices:
        """US dollars per million tokens in and out."""
        return self.config.price_in, self.config.price_out

    @property
    def identity(self) -> dict[str, Any]:
        """What defines this model's replies, for cache keys."""
        return {"model": self.name, "base_url": self.base_url, "parameters": self._parameters}

    async def complete(
        self,
        prompt: Prompt,
        sample: int = 0,
        stop: list[str] | None = None,
        on_fault: Fault | None = None,
    ) -> Completion:
        """One reply; faults that pass are retried.

        Raises:
            ModelFailure: the request was refused, or every try failed.
        """
        body: dict[str, Any] = {
            "model": self.name.removeprefix("openai/"),
            "messages": prompt.messages,
            **self._parameters,
        }
        if stop:
            body["stop"] = stop
        if tools := prompt.tools:
            body["tools"] = tools
        if sample and "seed" in body:
            body["seed"] += sample
        payload = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        faults = rejections = timeouts = 0
        while True:
            await self._pace(body)
            async with self.gate.slot(again=bool(faults or rejections)):
                outcome = await self._attempt(payload, prompt.name, timeouts)
                if isinstance(outcome, Completion):
                    self.gate.succeeded()
                elif outcome.status == 429:
                    self.gate.rejected()
            self._health.note(isinstance(outcome, Completion))
            if isinstance(outcome, Completion):
                self._mean_out += (outcome.tokens_out - self._mean_out) * 0.1
                if self._tokens:
                    self._tokens.correct(outcome.tokens_in + outcome.tokens_out - self._expected(body))
                return outcome
            if on_fault:
                on_fault(outcome.reason, outcome.billed, outcome.body)
            if outcome.status == 429:
                rejections += 1
            else:
                faults += 1
                timeouts += outcome.reason == "timeout"
            # While nothing at the address has ever answered, long waiting does not help.
            never = not self._answered
            tries = min(TRIES_UNANSWERED, self.config.max_tries) if never else self.config.max_tries
            if outcome.permanent or faults >= tries or rejections >= PATIENCE_429:
                attempts = faults + rejections
                raise ModelFailure(outcome.reason, outcome.detail, attempts, outcome.permanent or never)
            async with self.gate.pause():
                scattered = outcome.status != 429 and self._health.good
                await asyncio.sleep(backoff(faults + rejections - 1, outcome.wait, scattered))

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def scrub(self, text: str) -> str:
        """An error's text without the key and pieces of it: servers echo them."""
        return _without(text, self._traces + self._fragments)

    def _scrub_reply(self, text: str) -> str:
        """A reply's text without the whole key: pieces of it, or a key that is a word, may stand in any."""
        return text if WORD.fullmatch(self._key) else _without(text, self._traces)

    @property
    def _proxied(self) -> bool:
        return not self._local and bool(urllib.request.getproxies())

    def _check_base_url(self) -> str:
        """Its host. A base URL is stored, and said in messages: it may hold no secret."""
        whose, variable = f"the base URL of {self.name}", self.config.api_key_env
        try:
            parts = urllib.parse.urlsplit(self.base_url)
            host, port = parts.hostname, parts.port  # noqa: F841 (reading it checks it)
            named = parts.username is not None
        except ValueError:  # no port number, no IPv6 address
            host, named = None, "@" in self.base_url
        if named or self.scrub(self.base_url) != self.base_url:
            raise ToolAlpacaError(
                f"{whose} holds a name, a password or the key: leave it out, and set the variable {variable}"
            )
        if not host or parts.scheme not in ("http", "https"):
            raise ToolAlpacaError(
                f"{whose} is {self.base_url!r}: expected http://<host>/v1 or https://<host>/v1"
            )
        return host

    def _expected(self, body: dict[str, Any]) -> float:
        return sum(len(m.get("content") or "") for m in body["messages"]) / 4 + self._mean_out

    async def _pace(self, body: dict[str, Any]) -> None:
        if self._requests:
            await self._requests.take()
        if self._tokens:
            await self._tokens.take(self._expected(body))

    def _connect(self) -> Any:
        import aiohttp
        import httpx2
        import openai

        # Connections belong to an event loop, and each stage has its own.
        if self._client is None or self._loop is not asyncio.get_running_loop():
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=30)
            http_client = openai.DefaultAioHttpClient(limits=limits, timeout=None)
            http_client._transport.client = lambda: aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=300),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=self._proxied,  # asking for proxies costs two thread switches per call
            )
            self._client = client_class()(
                api_key=self._key,
                base_url=self.base_url,
                max_retries=0,
                timeout=None,
                http_client=http_client,
            )
            self._loop = asyncio.get_running_loop()
        return self._client

    async def _attempt(self, payload: bytes, kind: str, timeouts: int) -> Completion | _Fault:
        import aiohttp
        import httpx2
        import openai

        client = self._connect()
        try:
            async with self.deadline.limit(kind, timeouts):
                # Unparsed: it is stored as it came, and the typed model would cost more than the call.
                response = await client.post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    content=payload,
                    options={"idempotency_key": "-"},  # not sent; without it each call draws one
                )
        except TimeoutError:
            return _Fault("timeout", f"no answer within {self.deadline.seconds(kind, timeouts):.0f} s")
        except openai.APIStatusError as error:
            self._answered = True
            return self._refused(error)
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            return _Fault("connection", self.scrub(f"{self.base_url}: {type(cause).__name__}: {cause}"))
        except (OSError, httpx2.HTTPError, aiohttp.ClientError) as error:  # not all are the package's own
            return _Fault("connection", self.scrub(f"{self.base_url}: {type(error).__name__}: {error}"))
        raw = self._scrub_reply(response.content.decode(errors="replace"))
        try:
            completion = decode(raw)
        except ValueError as error:
            raw = self.scrub(raw)
            return _Fault("malformed_response", f"{error}: {raw[:200]}", billed=_usage(raw), body=raw)
        self._answered = True
        return completion

    def _refused(self, error: Any) -> _Fault:
        status, body = error.status_code, error.response.content.decode(errors="replace")
        text = self.scrub(" ".join(_message(body).split()))[:300]
        spent = status == 429 and ("insufficient_quota" in body or "billing_hard_limit" in body)
        wait = retry_after(error.response.headers)
        passing = (status in RETRIED or status >= 500) and not spent
        if passing and wait is not None and wait > LONGEST_WAIT:
            passing, text = False, f"retry after {wait:,.0f} seconds; {text}"
        return _Fault(
            f"http_{status}",
            f"{self.base_url} answered {status}: {text}",
            status=0 if spent else status,
            permanent=not passing,
            wait=wait,
        )


@functools.cache
def client_class() -> type:
    """`openai.AsyncOpenAI` that builds a chat request from the last one: URL and headers never change.

    Building them anew is a third of the time that the package spends on a call.
    """
    import httpx2
    import openai

    class Client(openai.AsyncOpenAI):
        first: httpx2.Request | None = None

        def _build_request(self, options: Any, *, retries_taken: int = 0) -> httpx2.Request:
            if self.first is None:
                self.first = super()._build_request(options, retries_taken=retries_taken)
                del self.first.headers["content-length"]
            first = self.first
            return httpx2.Request(
                "POST", first.url, headers=first.headers, content=options.content, extensions=first.extensions
            )

    return Client


@dataclass(frozen=True)
class _Fault:
    reason: str
    detail: str
    status: int = 0
    permanent: bool = False
    wait: float | None = None  # seconds the endpoint asks for
    billed: Completion | None = None
    body: str = ""


def _without(text: str, traces: list[str]) -> str:
    for trace in traces:
        text = text.replace(trace, "[key]")
    return text


def _usage(raw: str) -> Completion | None:
    """What an unusable but delivered reply was billed, 0 where it does not say; None for an empty one."""
    if not raw:
        return None
    try:
        usage = json.loads(raw)["usage"]
        tokens = token_count(usage["prompt_tokens"]), token_count(usage.get("completion_tokens"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        tokens = 0, 0
    return Completion("", *tokens, "malformed")


def _message(body: str) -> str:
    try:
        error = json.loads(body)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError, RecursionError):
        return body
