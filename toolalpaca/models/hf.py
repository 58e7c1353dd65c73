"""`hf/<path or Hub id>`: transformers in this process. Checkpoints and texts; decoding is in batching.py."""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import json
import threading
from pathlib import Path
from typing import Any

from toolalpaca.models.boundary import ChatModel, Completion, Fault, ModelConfig, ModelFailure
from toolalpaca.models.process import bf16_on_cpu, prepare_process
from toolalpaca.models.prompts import Prompt
from toolalpaca.models.tool_blocks import tool_calls
from toolalpaca.schema import ToolAlpacaError

DEFAULT_NEW_TOKENS = 512
LARGE = 100 << 20  # bytes of weights from which bf16 on a CPU pays
WHOLE = 1 << 26  # bytes of a weight file up to which all of it is hashed
STRIDE, SAMPLE = 1 << 20, 1 << 12  # beyond: so many bytes in each stride
VICUNA_TEMPLATE = Path(__file__).parents[2] / "recipes" / "chat_templates" / "vicuna.jinja"


class HFModel(ChatModel):
    """A causal language model of transformers: greedy, unless a temperature is set; batched.

    Concurrent calls are decoded together; a row leaves the batch when it stops and a waiting one takes
    its place. A sampled reply depends on (seed, request, sample), not on what is in the batch with it.

    Raises:
        ToolAlpacaError: the folder is no checkpoint.
    """

    def __init__(self, config: ModelConfig, seed: int = 0):
        self.config, self.seed = config, seed
        self.name = config.model
        self.path = config.model.removeprefix("hf/")
        folder = Path(self.path).expanduser()
        self._local = folder.exists() or self.path.startswith(("/", ".", "~")) or self.path.count("/") != 1
        if self._local:
            if not folder.is_dir():
                raise ToolAlpacaError(f"{self.name}: the folder {folder} does not exist")
            if not any((folder / name).is_file() for name in ("config.json", "adapter_config.json")):
                raise ToolAlpacaError(f"{self.name}: {folder} holds no config.json, so it is no checkpoint")
            self.path = str(folder)
        self._fingerprint = ""
        self._lock = threading.Lock()
        self._unloadable: ToolAlpacaError | None = None
        self._executor: concurrent.futures.ThreadPoolExecutor | None = None
        self._decoder: Any = None

    @property
    def identity(self) -> dict[str, Any]:
        """What defines this model's replies, its weights' fingerprint included."""
        sampling = (
            {"temperature": self.config.temperature, "seed": self.seed} if self.config.temperature else {}
        )
        return {
            "model": self.name,
            "parameters": {
                "max_new_tokens": self.config.max_tokens or DEFAULT_NEW_TOKENS,
                **sampling,
                **self.config.parameters,
            },
            "fingerprint": self.fingerprint,
        }

    @property
    def fingerprint(self) -> str:
        """Of a checkpoint folder's contents: the same path trained anew is another model."""
        if not self._fingerprint:
            self._fingerprint = fingerprint(Path(self.path)) if self._local else self.path
        return self._fingerprint

    async def complete(
        self,
        prompt: Prompt,
        sample: int = 0,
        stop: list[str] | None = None,
        on_fault: Fault | None = None,
    ) -> Completion:
        """One reply, up to a stop text, which is left out.

        Raises:
            ModelFailure: the prompt leaves no room in the model's context, or generation failed.
        """
        loop = asyncio.get_running_loop()
        if self._executor is None:
            self._executor = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="hf")
        decoder = self._decoder or await loop.run_in_executor(self._executor, self._load)
        text = self._render(prompt)
        ids = decoder.tokenizer(text, add_special_tokens=False)["input_ids"]
        limit = self.config.max_tokens or DEFAULT_NEW_TOKENS
        if decoder.context and len(ids) >= decoder.context:
            raise ModelFailure(
                "prompt_too_long", f"{len(ids)} tokens, the context of {self.name} holds {decoder.context}"
            )
        limit = min(limit, decoder.context - len(ids)) if decoder.context else limit
        done = loop.create_future()
        seed = int.from_bytes(hashlib.sha256(f"{self.seed} {sample} {text}".encode()).digest()[:7], "big")
        decoder.put(ids, limit=limit, stop=stop or [], seed=seed, done=done)
        loop.run_in_executor(self._executor, decoder.work)
        said, count, reason = await done
        calls = tool_calls(said) if prompt.tools else ()
        return Completion(said, len(ids), count, "tool_calls" if calls else reason, calls)

    async def aclose(self) -> None:
        """End the decoding thread; the model stays loaded."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    def _render(self, prompt: Prompt) -> str:
        tokenizer = self._decoder.tokenizer
        template = None
        if self.config.chat_template:
            template = Path(self.config.chat_template).read_text(encoding="utf-8")
        elif not tokenizer.chat_template:
            if prompt.name != "student_vicuna" or not VICUNA_TEMPLATE.is_file():
                raise ToolAlpacaError(
                    f"the tokenizer of {self.name} has no chat template: name one of recipes/chat_templates "
                    "as chat_template in --models FILE, or use --style vicuna"
                )
            template = VICUNA_TEMPLATE.read_text(encoding="utf-8")
        try:
            return tokenizer.apply_chat_template(
                with_objects(prompt.messages) if prompt.tools else prompt.messages,
                tools=prompt.tools,
                chat_template=template,
                tokenize=False,
                add_generation_prompt=True,
            )
        except Exception as error:  # templates raise whatever they like
            raise ModelFailure("chat_template", f"{type(error).__name__}: {error}") from None

    def _load(self) -> Any:
        with self._lock:
            if self._unloadable:  # the rows that waited must not each wait for the Hub's timeouts again
                raise self._unloadable
            if self._decoder is None:
                try:
                    self._decoder = self._read_checkpoint()
                except ToolAlpacaError as error:
                    self._unloadable = error
                    raise
        return self._decoder

    def _read_checkpoint(self) -> Any:
        prepare_process()  # scripts that load torch for themselves have done it before
        import torch
        import transformers

        from toolalpaca.models.batching import Decoder

        transformers.utils.logging.disable_progress_bar()
        gpu = torch.cuda.is_available()
        trust = self.config.trust_remote_code
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(self.path, trust_remote_code=trust)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                self.path,
                dtype="auto" if gpu else self._dtype_on_cpu(),
                device_map="auto" if gpu else None,
                trust_remote_code=trust,
            )
        except Exception as error:  # the libraries raise OSError, ValueError, their own, ...
            line = " ".join(str(error).split())[:300]
            raise ToolAlpacaError(f"{self.name} cannot be loaded: {line}") from None
        return Decoder(
            model.eval(),
            tokenizer,
            temperature=self.config.temperature or 0.0,
            top_p=float(self.config.parameters.get("top_p", 1.0)),
            batch_size=self.config.batch_size,
        )

    def _dtype_on_cpu(self) -> Any:
        """bf16 where the processor multiplies it faster and the model is large enough to notice."""
        import torch

        weights = Path(self.path).glob("*.safetensors") if self._local else ()
        large = not self._local or sum(path.stat().st_size for path in weights) >= LARGE
        return torch.bfloat16 if large and bf16_on_cpu() else torch.float32


def fingerprint(folder: Path) -> str:
    """First 16 hex digits of a SHA-256 over what is loaded from a checkpoint folder.

    Large weight files are sampled (4 KiB of each MiB, both ends included), so that 14 GB take under a
    second; training changes all of them. Times of change play no part: a copy is the same model.
    """
    whole = hashlib.sha256()
    names = ("*.json", "*.jinja", "*.safetensors", "*.bin", "*.model")
    for path in sorted({path for name in names for path in folder.glob(name)}):
        if path.name in ("trainer_state.json", "training_args.bin"):
            continue
        size = path.stat().st_size
        whole.update(f"{path.name} {size} ".encode())
        with path.open("rb") as stream:
            if size <= WHOLE:
                whole.update(stream.read())
                continue
            whole.update(stream.read(STRIDE))  # a safetensors header, mostly
            for offset in [*range(STRIDE, size, STRIDE), size - SAMPLE]:
                stream.seek(offset)
                whole.update(stream.read(SAMPLE))
    return whole.hexdigest()[:16]


def with_objects(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages whose tool calls carry their arguments as objects, not as JSON text: templates write them."""

    def parsed(call: dict[str, Any]) -> dict[str, Any]:
        function = call["function"]
        return {**call, "function": {**function, "arguments": json.loads(function["arguments"])}}

    return [
        {**m, "tool_calls": [parsed(call) for call in m["tool_calls"]]} if m.get("tool_calls") else m
        for m in messages
    ]
