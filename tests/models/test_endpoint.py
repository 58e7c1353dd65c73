"""Models: names, parameters, cache keys, retries, and transformers in this process."""

from __future__ import annotations

import asyncio
import base64
import datetime
import email.utils
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fault_server import reply, serve
from hypothesis import given
from hypothesis import strategies as st

from toolalpaca.models.bodies import decode
from toolalpaca.models.boundary import (
    ChatModel,
    ModelConfig,
    ModelFailure,
    ask,
    completion_key,
    load_models_file,
)
from toolalpaca.models.pacing import (
    Deadline,
    Gate,
    Health,
    PerMinute,
    Refusals,
    Stopped,
    backoff,
    retry_after,
)
from toolalpaca.models.prompts import Prompt, PromptFolder
from toolalpaca.offline.loading import load_model
from toolalpaca.schema import ReplyError, RowFailure, ToolAlpacaError

PROMPTS = PromptFolder(Path(__file__).parents[1] / "helpers" / "engine_prompts")


def echo(text: str = "hello", **options: Any) -> Prompt:
    return Prompt("echo", {"text": text}, prompts=PROMPTS, **options)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test/+0123456789abcdef")
    return "sk-test/+0123456789abcdef"


# names and parameters


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gpt-4", "unknown model 'gpt-4': expected openai/<model>"),
        ("openai/", "unknown model"),
        ("hf/./no/such/folder", "does not exist"),
        ("hf//tmp", "no config.json"),
    ],
)
def test_a_wrong_model_name_is_one_clear_line(name: str, says: str) -> None:
    with pytest.raises(ToolAlpacaError, match=says):
        load_model(name)


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ToolAlpacaError, match="OPENAI_API_KEY"):
        load_model("openai/gpt-4")
    with pytest.raises(ToolAlpacaError, match="OTHER_KEY"):
        load_model(ModelConfig("openai/gpt-4", api_key_env="OTHER_KEY"))
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1")
    assert load_model("openai/llama").name == "openai/llama"


@pytest.mark.parametrize("key", ["sk-two\nlines-of-it", "sk-with-an-\u00e9-inside", "sk-with-\x01-inside"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_repeated(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ToolAlpacaError, match="the variable OPENAI_API_KEY has a line break") as error:
        load_model(ModelConfig("openai/a", base_url="http://localhost:1/v1"))
    assert "inside" not in str(error.value) and "lines" not in str(error.value)
    with pytest.raises(ToolAlpacaError, match="name of an environment variable") as error:
        load_model(ModelConfig("openai/a", api_key_env="sk-taken-for-a-name"))
    assert "taken" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    ["localhost:8000/v1", "ftp://x/v1", "http://[::1/v1", "http://localhost:99999/v1", "http:///v1", "x"],
)
def test_a_base_url_that_is_none_is_one_clear_line(key: str, url: str) -> None:
    with pytest.raises(ToolAlpacaError, match="expected http://<host>/v1"):
        load_model(ModelConfig("openai/a", base_url=url))


@pytest.mark.parametrize(
    "url", ["http://me:word@x/v1", "http://me:word@[x/v1", "http://x/{key}/v1", "http://x/v1?k={key}"]
)
def test_a_base_url_with_a_secret_is_refused_and_not_repeated(key: str, url: str) -> None:
    with pytest.raises(ToolAlpacaError, match="set the variable OPENAI_API_KEY") as error:
        load_model(ModelConfig("openai/a", base_url=url.format(key=key)))
    assert "word@" not in str(error.value) and key not in str(error.value)


def test_models_file(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text("teacher: {model: openai/a, temperature: 0.5, price_in: 1}\nuser: offline\n")
    models = load_models_file(path)
    assert models["teacher"].temperature == 0.5 and models["user"].model == "offline"
    for text, says in [
        ("teacher: {model: openai/a, temperature: hot}", "temperature should be float"),
        ("teacher: {model: openai/a, price_in: '3'}", "price_in should be float"),
        ("teacher: {model: openai/a, max_tries: 0}", "max_tries is at least 1"),
        ("teacher: {model: openai/a, requests_per_minute: 0}", "requests_per_minute is at least"),
        ("teacher: {model: openai/a, parameters: [a]}", "parameters should be dict"),
        ("teacher: {model: openai/a, max_tokens: true}", "max_tokens is no yes or no"),
        ("teacher: {model: openai/a, 3: 4}", "unknown 3"),
        ("teacher: {model: openai/a, temperature: .nan}", "temperature should be a number"),
        ("teacher: {model: openai/a, parameters: {stream: true}}", "stream cannot be set"),
        ("teacher: {model: openai/a, parameters: {temperature: 1}}", "temperature belongs beside"),
        ("teacher: {model: openai/a, parameters: {seed: '7'}}", "seed should be int"),
        ("teacher: {model: openai/a, parameters: {when: 2020-01-01}}", "no JSON can hold them"),
        ("teacher: {model: a, temprature: 1}", "unknown temprature"),
        ("teacher: {}", "needs a line 'model"),
        ("- a", "expected roles"),
        ("a: [", "not YAML"),
    ]:
        path.write_text(text)
        with pytest.raises(ToolAlpacaError, match=says):
            load_models_file(path)


def test_what_a_cache_key_depends_on(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def of(
        prompt: Prompt | None = None, sample: int = 0, stop: list[str] | None = None, **config: Any
    ) -> bytes:
        model = load_model(ModelConfig(**{"model": "openai/a", "base_url": "http://x/v1", **config}))
        return completion_key(model.identity, prompt or echo(), sample, stop)

    same = of()
    assert of(timeout=3.0) == same and of(max_tries=2) == same and of(requests_per_minute=9.0) == same
    assert of(price_in=3.0) == same
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another-key-altogether")
    assert of() == same
    others = [
        of(echo("other")),
        of(echo(history=[{"role": "assistant", "content": "x"}])),
        of(echo(tools=[{"type": "function", "function": {"name": "f"}}])),
        of(sample=1),
        of(stop=["\nObservation:"]),
        of(model="openai/b"),
        of(base_url="http://y/v1"),
        of(temperature=0.5),
        of(max_tokens=9),
        of(parameters={"top_p": 0.9}),
    ]
    assert len({same, *others}) == len(others) + 1


# replies and retries


@pytest.mark.parametrize(
    "body",
    [
        {"choices": []},
        {},
        {"choices": [{"message": {}}]},
        {"choices": [{"message": {"content": 3}}]},
        {"choices": None},
        [],
        "text",
    ],
)
def test_a_reply_without_a_message_is_no_reply(body: Any) -> None:
    with pytest.raises(ValueError, match="without a message"):
        decode(json.dumps(body))


def test_a_null_text_is_an_empty_reply() -> None:
    body = reply("", 3, 4)
    body["choices"][0]["message"]["content"] = None
    assert decode(json.dumps(body)).text == ""


def test_what_servers_say_beside_the_standard() -> None:
    """None of it may cost the reply, which was paid for, or the run."""
    for usage, tokens in [
        ({"prompt_tokens": 10**30, "completion_tokens": 2}, (0, 2)),
        ({"prompt_tokens": -5, "completion_tokens": "7"}, (0, 7)),
        ({"prompt_tokens": None, "completion_tokens": float("inf")}, (0, 0)),
        ("lots", (0, 0)),
        (None, (0, 0)),
    ]:
        completion = decode(json.dumps(reply("hi", 0, 0) | {"usage": usage}))
        assert (completion.text, completion.tokens_in, completion.tokens_out) == ("hi", *tokens)
    assert decode(json.dumps(reply("a \ud83d b \U0001f600", 1, 1))).text == "a ? b \U0001f600"
    parts = reply("", 1, 1)
    parts["choices"][0]["message"]["content"] = [
        {"type": "thinking", "thinking": []}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"},
    ]  # fmt: skip
    assert decode(json.dumps(parts)).text == "ab"
    with pytest.raises(ValueError, match="too deep"):
        decode("[" * 200_000)


def test_tool_calls_are_read() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = reply("", 3, 4)
    body["choices"][0]["message"] = {"role": "assistant", "content": None, "tool_calls": [call]}
    completion = decode(json.dumps(body))
    assert completion.tool_calls == (call,) and completion.text == "" and completion.tokens_out == 4
    for wrong in (1, {"function": "f"}, {"function": None}, {"function": {"name": None}}, {}):
        body["choices"][0]["message"]["tool_calls"] = [call, wrong]
        with pytest.raises(ValueError, match="names no function"):
            decode(json.dumps(body))


@given(st.integers(0, 60), st.floats(0, 1e4))
def test_retry_after_is_never_undercut(attempt: int, seconds: float) -> None:
    assert backoff(attempt, seconds) >= seconds and backoff(attempt, seconds, scattered=True) >= seconds
    assert 0 <= backoff(attempt) <= 60


def test_a_scattered_fault_is_not_waited_out_and_tries_last_as_long_as_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("toolalpaca.models.pacing.random.uniform", lambda least, most: most)
    assert all(backoff(attempt, scattered=True) <= 0.5 for attempt in range(5)), "others are answered: chance"
    patience = [
        sum(backoff(attempt, None, scattered) for attempt in range(11)) for scattered in (True, False)
    ]
    assert patience[0] > 0.95 * patience[1], "a request that cannot be answered for minutes is still saved"


def test_an_outage_is_told_from_scattered_faults() -> None:
    health = Health()
    assert not health.good, "nothing was answered yet"
    for number in range(1000):
        health.note(number % 5 > 0)
        assert health.good or number < 30, "one in five fails"
    for _ in range(15):
        health.note(False)
    assert not health.good


def test_retry_after_in_all_its_forms() -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30)
    assert retry_after({"retry-after": "7"}) == 7
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    assert 28 < (retry_after({"retry-after": email.utils.format_datetime(soon, usegmt=True)}) or 0) <= 30
    date, later = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:47 GMT"
    assert retry_after({"retry-after": later, "date": date}) == 10, "by the server's own clock"
    assert retry_after({"retry-after": "Sun Nov  6 08:49:47 1994", "date": date}) == 10, "asctime is UTC"
    for useless in ("inf", "nan", "soon", ""):
        assert retry_after({"retry-after-ms": useless, "retry-after": "9"}) == 9
    twice = httpx2.Headers([("Retry-After", "1"), ("Retry-After", "20"), ("Retry-After", "nan")])
    assert retry_after(twice) == 20 == retry_after({"retry-after": "1, 20"})
    dates = httpx2.Headers([("Retry-After", date), ("Retry-After", later), ("Date", date)])
    assert retry_after(dates) == 10
    for nothing in ("soon", "inf", "nan", "1e999", "Sun, 99 Nov 99999 08:49:37 GMT", ""):
        assert retry_after({"retry-after": nothing}) is None and retry_after({}) is None


def test_passing_faults_are_retried_and_refusals_are_not(key: str) -> None:
    async def one(url: str, **config: Any) -> Any:
        model = load_model(ModelConfig("openai/a", base_url=url, **config))
        try:
            return await model.complete(echo())
        finally:
            await model.aclose()

    with serve(status=503) as server:
        for status, asked in [(503, 3), (500, 3), (408, 3), (400, 1), (401, 1), (403, 1), (404, 1)]:
            server.reset(status=status)
            with pytest.raises(ModelFailure, match=f"http_{status}") as failure:
                asyncio.run(one(server.url, max_tries=3))
            assert server.stats()["calls"] == asked == failure.value.attempts
            assert failure.value.permanent == (asked == 1)
            assert key not in str(failure.value)
        server.reset(status=0, fault_rate=1.0, faults="429", retry_after=0.4)
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(one(server.url), 0.9))
        assert server.stats()["calls"] <= 1 + (time.monotonic() - start) / 0.4
        server.reset(retry_after=86_400)
        with pytest.raises(ModelFailure, match=r"http_429.* retry after 86,400 seconds") as failure:
            asyncio.run(asyncio.wait_for(one(server.url), 20))
        assert failure.value.permanent, "nobody waits a day for one call"
        server.reset(fault_rate=0.0)
        assert asyncio.run(one(server.url)).text == '{"echo": "hello"}'


def test_the_key_is_taken_out_of_texts(key: str) -> None:
    model = load_model(ModelConfig("openai/a", base_url="http://x/v1"))
    encoded = base64.b64encode(f"user:{key}".encode()).decode()
    for shape in (
        key,
        f"Bearer {key}",
        base64.b64encode(key.encode()).decode(),
        encoded,
        "sk-test%2F%2B0123456789abcdef",
        "sk-test%2f%2b0123456789abcdef",
        "sk-test\\/+0123456789abcdef",
        "sk-test\\u002f\\u002b0123456789abcdef",
        "sk-test&#47;&#43;0123456789abcdef",
        key.encode().hex(),
        key.encode().hex().upper(),
        "".join(f"%{byte:02X}" for byte in key.encode()),
        key[:8] + "****" + key[-8:],
    ):
        scrubbed = model.scrub(f"error with {shape} inside")
        assert (
            "[key]" in scrubbed
            and key[8:] not in scrubbed
            and base64.b64encode(key.encode()).decode()[4:28] not in scrubbed
        )
    assert model.scrub("nothing of it") == "nothing of it"


class Said(BaseHTTPRequestHandler):
    """Answers `body`, whatever is asked."""

    body = b""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        pass


def said(body: str, monkeypatch: pytest.MonkeyPatch, **config: Any) -> tuple[Any, list[Any]]:
    """What becomes of a reply's body: the completion or failure, and the faults that were noted."""

    async def one() -> Any:
        try:
            return await model.complete(echo(), on_fault=lambda *fault: faults.append(fault))
        except ModelFailure as failure:
            return failure
        finally:
            await model.aclose()

    monkeypatch.setattr(Said, "body", body.encode())
    with HTTPServer(("127.0.0.1", 0), Said) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        model, faults = load_model(ModelConfig("openai/a", base_url=url, max_tries=1, **config)), []
        try:
            return asyncio.run(one()), faults
        finally:
            server.shutdown()


@pytest.mark.parametrize(
    "placeholder",
    ["sk-no-key-required", "not-needed-here", "EMPTY", "ollama", "dummy", "placeholder", "token-abc123"],
)
def test_a_placeholder_for_a_key_changes_no_reply(placeholder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", placeholder)
    text = (
        '{"required": true, "example": "EMPTY", "why": "ollama dummy token not needed here, a placeholder"}'
    )
    completion, _ = said(json.dumps(reply(text, 1, 1)), monkeypatch)
    assert completion.text == text
    model = load_model(ModelConfig("openai/a", base_url="http://x/v1"))
    assert model.scrub("the field is required") == "the field is required"


def test_a_good_reply_that_repeats_the_key_is_kept_without_it(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = base64.b64encode(f"Bearer {key}".encode()).decode()
    completion, _ = said(json.dumps(reply(f"You sent {key}, or {encoded}.", 1, 1)), monkeypatch)
    assert "[key]" in completion.text
    assert key[8:] not in completion.raw and encoded[12:36] not in completion.raw


@pytest.mark.parametrize(
    "body",
    [
        '{"choices": [{"mess',
        "<html>busy</html>",
        '{"error": {"message": "busy"}}',
        'data: {"choices": []}\n\n',
    ],
)
def test_a_malformed_reply_is_kept_though_it_says_no_tokens(
    key: str, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure, [(reason, billed, kept)] = said(body, monkeypatch)
    assert failure.reason == reason == "malformed_response" and kept == body
    assert (billed.tokens_in, billed.tokens_out) == (0, 0)
    assert said("", monkeypatch)[1] == [("malformed_response", None, "")]


def test_ask_asks_again_with_the_next_sample() -> None:
    class Model(ChatModel):
        name = "m"

        def __init__(self) -> None:
            self.samples: list[int] = []

        async def complete(
            self, prompt: Prompt, sample: int = 0, stop: Any = None, on_fault: Any = None
        ) -> Any:
            self.samples.append(sample)
            return decode(json.dumps(reply(str(sample), 0, 0)))

    def two(text: str) -> str:
        if text != "2":
            raise ReplyError("not_two", text)
        return text

    model = Model()
    assert asyncio.run(ask(model, echo(), two)) == "2" and model.samples == [0, 1, 2]
    with pytest.raises(RowFailure, match="not_two") as failure:
        asyncio.run(ask(model, echo(), two, tries=2))
    assert failure.value.attempts == 2


# pacing


def test_refusals_count_in_the_order_in_which_calls_began() -> None:
    def stops(refused: list[int], unpaid: bool) -> bool:
        refusals = Refusals()
        for _ in range(200):
            refusals.begin()
        return any([refusals.add(number, unpaid) for number in refused])

    for unpaid in (True, False):
        assert stops(list(range(20)), unpaid) and stops(list(range(19, -1, -1)), unpaid)
        assert not stops(list(range(0, 200, 2)), unpaid), "answers to the others are on their way"
        assert not stops(list(range(19)), unpaid)
    assert stops(list(range(100, 120)), True) and not stops(list(range(100, 120)), False)


def test_a_gate_gives_out_its_slots_and_closes() -> None:
    async def main() -> None:
        gate, peak = Gate(3), 0

        async def use() -> None:
            nonlocal peak
            async with gate.slot():
                peak = max(peak, gate.in_flight)
                await asyncio.sleep(0.001)

        await asyncio.gather(*(use() for _ in range(20)))
        assert peak == 3 and gate.in_flight == 0
        async with gate.slot(), gate.slot(), gate.slot():
            waiting = asyncio.create_task(use())
            await asyncio.sleep(0)
            gate.close()
            with pytest.raises(Stopped):
                await waiting
        with pytest.raises(Stopped):
            await use()
        assert gate.in_flight == 0

    asyncio.run(main())


def test_a_call_that_comes_again_goes_first() -> None:
    async def main() -> list[str]:
        gate, order = Gate(1), []

        async def use(name: str, again: bool) -> None:
            async with gate.slot(again):
                order.append(name)

        async with gate.slot():
            waiting = [asyncio.create_task(use(*call)) for call in (("new", False), ("again", True))]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        return order

    assert asyncio.run(main()) == ["again", "new"]


def test_a_limit_per_minute_spreads_calls() -> None:
    async def main() -> float:
        limit, start = PerMinute(600), time.monotonic()
        for _ in range(36):
            await limit.take()
        return time.monotonic() - start

    assert 0.4 < asyncio.run(main()) < 2, "30 of a burst, then nearly ten a second"


@pytest.mark.parametrize("per_minute", [1, 3, 60, 599, 30_000])
def test_no_minute_sees_more_calls_than_its_limit(per_minute: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now, taken = 0.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("toolalpaca.models.pacing.time.monotonic", lambda: now)
    monkeypatch.setattr("toolalpaca.models.pacing.asyncio.sleep", sleep)

    async def main() -> None:
        limit = PerMinute(per_minute)
        for _ in range(2 * per_minute + 2):
            await limit.take()
            taken.append(now)

    asyncio.run(main())
    assert all(late - early > 59.99 for early, late in zip(taken, taken[per_minute:], strict=False))
    assert taken[-1] < 125 + 60 / per_minute, "and not many fewer"


def test_a_reply_that_came_while_the_process_stood_still_is_not_late() -> None:
    async def main() -> str:
        async def ask() -> str:
            async with deadline.limit("title"):
                await asyncio.sleep(0.1)
                for _ in range(5):  # from the socket through the layers of the client
                    await asyncio.sleep(0)
                return "reply"

        deadline = Deadline(0.4)
        asking = asyncio.create_task(ask())
        await asyncio.sleep(0.02)
        time.sleep(1.0)  # a busy machine, a disk that is waited for
        return await asking

    assert asyncio.run(main()) == "reply"


def test_a_hung_request_ends_at_its_limit() -> None:
    async def main() -> float:
        deadline, start = Deadline(0.4), time.monotonic()
        with pytest.raises(TimeoutError):
            async with deadline.limit("title"):
                await asyncio.sleep(30)
        return time.monotonic() - start

    assert 0.4 <= asyncio.run(main()) < 10


def test_a_time_limit_is_learned_for_each_kind_of_prompt() -> None:
    async def main() -> None:
        deadline = Deadline()
        for _ in range(20):
            async with deadline.limit("title"):
                await asyncio.sleep(0)
        assert deadline.seconds("title") == 15
        assert deadline.seconds("specification") == 120, "nothing is known of those"
        assert [deadline.seconds("title", timeouts) for timeouts in (1, 2, 9)] == [30, 60, 600]
        slow = [deadline.seconds("specification", timeouts) for timeouts in range(4)]
        assert slow == [120, 240, 480, 600], "five minutes for a first answer are granted in the end"
        async with deadline.limit("summary"):
            await asyncio.sleep(0)
        assert deadline.seconds("summary") == 60, "a stage of ten calls learns, too"

    asyncio.run(main())
    assert Deadline(2.0).seconds("title", 3) == 2


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": [{"type": "text", "text": "Hello "}, {"type": "text", "text": "there"}]}, "Hello there"),
        ({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Yes"}]}, "Yes"),
        ({"content": [{"type": "output_text", "text": "Yes"}, {"type": "reasoning", "text": "hm"}]}, "Yes"),
        ({"content": ["Yes", {"text": ", sir"}]}, "Yes, sir"),
        ({"content": "Yes", "reasoning_content": "let me think"}, "Yes"),
        ({"content": "<think>I should say No.</think>\n\nYes"}, "Yes"),
        ({"content": "<think>cut off in the middle"}, ""),
        ({"content": "Say <think> aloud"}, "Say <think> aloud"),
        ({"content": None, "reasoning_content": "all of it"}, ""),
    ],
)
def test_the_reply_is_the_text_and_no_reasoning(message: dict, text: str) -> None:
    assert decode(json.dumps({"choices": [{"message": message}]})).text == text
