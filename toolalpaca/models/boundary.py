"""The one boundary to language models: `complete(prompt) -> Completion`."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import typing
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from toolalpaca.models.pacing import Gate
from toolalpaca.models.prompts import Prompt
from toolalpaca.models.retrying import MAX_TRIES, REPLY_TRIES
from toolalpaca.schema import ReplyError, RowFailure, ToolAlpacaError

# The least values of ModelConfig's numbers that may not be 0.
LEAST = {"max_tokens": 1, "max_tries": 1, "batch_size": 1, "timeout": 0.001,
         "requests_per_minute": 0.001, "tokens_per_minute": 0.001}  # fmt: skip
OWN_PARAMETERS = {"model", "messages", "tools", "stop", "stream", "n"}  # of the body: not the user's to set
KEY_VERSION = 1  # part of every cache key: raise it when the meaning of a key changes
T = TypeVar("T")


@dataclass(frozen=True)
class Completion:
    """A reply.

    Tokens are the endpoint's own count, 0 where there is none (the embedded teacher). `tool_calls`
    are OpenAI-style (`{"id", "type": "function", "function": {"name", "arguments"}}`) and are there
    only when the prompt carried `tools`. `raw` is the endpoint's reply as it came, for the ledger.
    """

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    finish_reason: str = "stop"
    tool_calls: tuple[dict[str, Any], ...] = ()
    raw: str = field(default="", repr=False, compare=False)


Prices = tuple[float | None, float | None]
Fault = Callable[[str, Completion | None, str], None]  # slug, what was billed (None: nothing), raw body


class ChatModel(Protocol):
    """Anything that answers a prompt. What only some models have, the others have as stated here.

    Attributes:
        name: as a user gives it.
        prices: US dollars per million tokens, in and out; None where unknown.
        gate: the slots of requests in flight, of a model behind an endpoint.
    """

    name: str
    prices: Prices = (None, None)
    gate: Gate | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What defines the model's replies, for cache keys and manifests."""
        return {"model": self.name}

    @property
    def paid(self) -> bool:
        """Whether a reply costs money or somebody's patience: it comes from an endpoint."""
        return self.gate is not None

    @abstractmethod
    async def complete(
        self,
        prompt: Prompt,
        sample: int = 0,
        stop: list[str] | None = None,
        on_fault: Fault | None = None,
    ) -> Completion:
        """A reply. `sample` asks for another draw of the same prompt; `on_fault` hears of each attempt that
        failed on the way."""

    def reject(self, prompt: Prompt, sample: int, reason: str, stop: list[str] | None = None) -> None:
        """Note that a reply was of no use: when its row failed and is run again, another takes its place."""

    def scrub(self, text: str) -> str:
        """A text without the key that the model was reached with."""
        return text

    async def aclose(self) -> None:
        """Close what is open."""


class ModelFailure(RowFailure):
    """A call that no retry could save. `permanent` when the request itself was refused."""

    def __init__(self, reason: str, detail: str = "", attempts: int = 1, permanent: bool = False):
        super().__init__(reason, detail, attempts)
        self.permanent = permanent


@dataclass(frozen=True)
class ModelConfig:
    """A model with its parameters, as one entry of `--models FILE` gives them.

    Prices are US dollars per million tokens, limits are per minute, `timeout` is seconds for one
    request (None: adapted to the latencies seen). `parameters` go into the request body as they are
    (top_p, seed, ...). `chat_template` is a file that replaces the tokenizer's. `api_key_env` names the
    environment variable that holds the key.
    """

    model: str
    base_url: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    price_in: float | None = None
    price_out: float | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    api_key_env: str = "OPENAI_API_KEY"
    timeout: float | None = None
    max_tries: int = MAX_TRIES
    batch_size: int = 32
    trust_remote_code: bool = False
    chat_template: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


def load_models_file(path: str | Path) -> dict[str, ModelConfig]:
    """The models per role of a `--models` YAML file; the role `default` stands in for the others.

    Raises:
        ToolAlpacaError: no such file, no YAML mapping, a key that is not a ModelConfig field, or a value
            of another kind than the field.
    """
    import yaml

    if not Path(path).is_file():
        what = "is a folder; expected a YAML file" if Path(path).is_dir() else "does not exist"
        raise ToolAlpacaError(f"--models {path} {what}")
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ToolAlpacaError(f"--models {path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ToolAlpacaError(f"--models {path}: expected roles, each with its model")
    known = typing.get_type_hints(ModelConfig)
    models = {}
    for role, entry in content.items():
        if isinstance(entry, str):
            models[str(role)] = ModelConfig(entry)
            continue
        if not isinstance(entry, dict) or not isinstance(entry.get("model"), str):
            raise ToolAlpacaError(f"--models {path}: role {role!r} needs a line 'model: <name>'")
        if unknown := sorted(entry.keys() - known, key=str):
            raise ToolAlpacaError(
                f"--models {path}: role {role!r} has unknown {', '.join(map(str, unknown))}; "
                f"known are {', '.join(known)}"
            )
        for name, value in entry.items():
            if wrong := _complaint(known[name], LEAST.get(name, 0), value):
                raise ToolAlpacaError(f"--models {path}: role {role!r}: {name} {wrong}, got {value!r}")
        if wrong := _wrong_parameter(entry.get("parameters", {})):
            raise ToolAlpacaError(f"--models {path}: role {role!r}: parameters: {wrong}")
        models[str(role)] = ModelConfig(**entry)
    return models


def configured(
    models: dict[str, ModelConfig], role: str, name: str, given: dict[str, Any], otherwise: dict[str, Any]
) -> ModelConfig:
    """The model of a role: its entry of a `--models` file, else `name`, with what a command line asks of it.

    Args:
        given: fields that a flag was given for; None for one that was not. A flag comes before the file.
        otherwise: fields for which there is a default, where neither the flag nor the file says anything.
    """
    config = models.get(role) or models.get("default") or ModelConfig(name)
    asked = {field: value for field, value in given.items() if value is not None}
    open_fields = {f: v for f, v in otherwise.items() if f not in asked and getattr(config, f) is None}
    return replace(config, **asked, **open_fields)


def _complaint(kind: Any, least: float, value: Any) -> str:
    if isinstance(value, bool) and kind is not bool:
        return "is no yes or no"
    if isinstance(value, int) and kind == float | None:
        value = float(value)
    if not isinstance(value, typing.get_origin(kind) if typing.get_origin(kind) is dict else kind):
        return f"should be {getattr(kind, '__name__', kind)}"
    if isinstance(value, float) and not math.isfinite(value):
        return "should be a number"
    return f"is at least {least:g}" if isinstance(value, int | float) and value < least else ""


def _wrong_parameter(parameters: dict[Any, Any]) -> str:
    if beside := sorted({"temperature", "max_tokens"} & parameters.keys()):
        return f"{', '.join(beside)} belongs beside the role's model, where it is what is sent and recorded"
    if own := sorted(OWN_PARAMETERS & parameters.keys()):
        return f"{', '.join(own)} cannot be set: each request is one conversation and wants one whole reply"
    if not isinstance(parameters.get("seed", 0), int):
        return f"seed should be int, got {parameters['seed']!r}"
    try:
        json.dumps(parameters, allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"no JSON can hold them ({error})"
    return "" if all(isinstance(name, str) for name in parameters) else "names should be texts"


async def ask(
    model: ChatModel,
    prompt: Prompt,
    parse: Callable[[str], T],
    tries: int = REPLY_TRIES,
    stop: list[str] | None = None,
) -> T:
    """Complete and parse. A reply that cannot be parsed is shown to the model with the reason, and asked for
    again under the next sample index.

    Raises:
        RowFailure: the last ReplyError's reason, after `tries` replies.
    """
    asked = prompt
    for sample in range(tries):
        completion = await model.complete(asked, sample, stop)
        try:
            return parse(completion.text)
        except ReplyError as error:
            last = error
            model.reject(asked, sample, error.reason, stop)
            asked = prompt.again(completion.text, error.detail)
    raise RowFailure(last.reason, last.detail, attempts=tries)


def completion_key(identity: dict[str, Any], prompt: Prompt, sample: int, stop: list[str] | None) -> bytes:
    """The cache key of a completion: SHA-256 of canonical JSON.

    Over version, identity (model, parameters, base URL, fingerprint), messages, tools, stop and sample.
    For the embedded teacher, which never renders messages, it is over the prompt's name, variables
    and history instead. Keys, timeouts and retries are not part of it.
    """
    if identity.get("model") == "offline":
        variables = {name: _short(value) for name, value in prompt.variables.items()}
        asked = [prompt.name, variables, prompt.history]
    else:
        asked = prompt.messages
    parts = [KEY_VERSION, identity, asked, prompt.tools, stop, sample]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).digest()


def _short(value: Any) -> Any:
    # A tool's documentation is in every prompt of the tool: hash it once, not per call.
    return _digest(value) if isinstance(value, str) and len(value) > 500 else value


@functools.lru_cache(maxsize=256)
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
