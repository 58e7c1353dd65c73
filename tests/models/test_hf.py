"""`hf/`: a tiny Llama made here, decoded in batches."""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from toolalpaca.models import batching
from toolalpaca.models.boundary import Completion, ModelConfig, ModelFailure
from toolalpaca.models.hf import fingerprint, tool_calls
from toolalpaca.models.prompts import Prompt, PromptFolder
from toolalpaca.offline.loading import load_model
from toolalpaca.schema import ToolAlpacaError

PROMPTS = PromptFolder(Path(__file__).parents[1] / "helpers" / "engine_prompts")
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of 2 layers over a byte-level vocabulary."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("tiny")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(["<s>", "</s>", *alphabet])}
    bytes_ = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_.decoder = decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bytes_, bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
        bos_token_id=0, eos_token_id=1, initializer_range=0.3,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def prompts(n: int) -> list[Prompt]:
    chance = random.Random(0)
    texts = ["".join(chance.choices("abcdefgh ", k=chance.randrange(1, 150))) for _ in range(n)]
    return [Prompt("echo", {"text": text}, prompts=PROMPTS) for text in texts]


def complete(
    folder: Path, asked: list[Prompt], stop: list[str] | None = None, **config: Any
) -> list[Completion]:
    model = load_model(ModelConfig(f"hf/{folder}", **{"max_tokens": 24, **config}))

    async def main() -> list[Completion]:
        try:
            return await asyncio.gather(*(model.complete(prompt, stop=stop) for prompt in asked))
        finally:
            await model.aclose()

    return asyncio.run(main())


def test_a_batch_answers_as_each_alone_and_as_generate(checkpoint: Path) -> None:
    import transformers

    asked = prompts(20)
    alone = complete(checkpoint, asked, batch_size=1)
    assert [c.text for c in complete(checkpoint, asked, batch_size=6)] == [c.text for c in alone]
    assert len({c.text for c in alone}) > 5 and {c.finish_reason for c in alone} <= {"stop", "length"}
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint)
    for prompt, completion in zip(asked[:4], alone, strict=False):
        text = tokenizer.apply_chat_template(prompt.messages, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)
        assert completion.tokens_in == ids.input_ids.shape[1]
        made = model.generate(**ids, max_new_tokens=24, do_sample=False, pad_token_id=1)
        assert completion.text == tokenizer.decode(made[0, completion.tokens_in :], skip_special_tokens=True)


def test_what_prompts_begin_with_alike_is_computed_once(checkpoint: Path) -> None:
    long = "x " * 90
    asked = [Prompt("echo", {"text": f"{long}{n}"}, prompts=PROMPTS) for n in range(6)]
    model = load_model(ModelConfig(f"hf/{checkpoint}", max_tokens=6, batch_size=8))

    async def main() -> tuple[list[str], list[tuple[int, int]]]:
        await model.complete(prompts(1)[0])
        shapes: list[tuple[int, int]] = []
        model._decoder.model.register_forward_pre_hook(
            lambda module, args, given: shapes.append(tuple(given["input_ids"].shape)), with_kwargs=True
        )
        replies = await asyncio.gather(*(model.complete(prompt) for prompt in asked))
        return [reply.text for reply in replies], shapes

    found, shapes = asyncio.run(main())
    alone = [complete(checkpoint, [prompt], batch_size=1, max_tokens=6)[0].text for prompt in asked]
    assert found == alone
    computed = sum(rows * width for rows, width in shapes if width > 1)
    whole = complete(checkpoint, asked[:1], max_tokens=6)[0].tokens_in
    # The first may start before the others wait, and its beginning is then computed once more.
    assert computed < 3 * whole, "six prompts cost less than three"


def test_a_batch_keeps_within_its_memory(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = prompts(12)
    free = [c.text for c in complete(checkpoint, asked)]
    monkeypatch.setattr("toolalpaca.models.batching.BATCH_BYTES", 200_000)
    widest = []
    original = batching.Decoder._step
    monkeypatch.setattr(
        batching.Decoder, "_step", lambda self: (widest.append(len(self._rows)), original(self))[1]
    )
    assert [c.text for c in complete(checkpoint, asked)] == free
    assert 1 <= max(widest) < 12


def test_the_next_step_of_a_conversation_computes_only_what_is_new(checkpoint: Path) -> None:
    model = load_model(ModelConfig(f"hf/{checkpoint}", max_tokens=10, batch_size=4))
    opened = prompts(6)

    async def talk() -> tuple[list[str], list[int]]:
        said = await asyncio.gather(*(model.complete(prompt) for prompt in opened))
        widths: list[int] = []
        hook = model._decoder.model.register_forward_pre_hook(
            lambda module, args, given: widths.append(given["input_ids"].shape[1]), with_kwargs=True
        )
        later = await asyncio.gather(
            *(
                model.complete(prompt.followed_by([{"role": "assistant", "content": reply.text}]))
                for prompt, reply in zip(opened, said, strict=True)
            )
        )
        hook.remove()
        await model.aclose()
        return [reply.text for reply in (*said, *later)], widths

    texts, widths = asyncio.run(talk())
    longer = [
        prompt.followed_by([{"role": "assistant", "content": text}])
        for prompt, text in zip(opened, texts[:6], strict=True)
    ]
    anew = complete(checkpoint, longer, max_tokens=10, batch_size=1)
    assert texts[6:] == [reply.text for reply in anew]
    longest = max(reply.tokens_in for reply in anew)
    assert max(widths) < longest / 2, "the opening was computed again"


def test_a_reply_ends_before_its_stop_text(checkpoint: Path) -> None:
    (whole,) = complete(checkpoint, prompts(1))
    stop = whole.text[5:8]
    (cut,) = complete(checkpoint, prompts(1), stop=["never there", stop])
    assert cut.text == whole.text[: whole.text.index(stop)] and cut.finish_reason == "stop"
    assert cut.tokens_out < whole.tokens_out


def test_sampling_does_not_depend_on_the_batch(checkpoint: Path) -> None:
    asked = prompts(8)
    first = [c.text for c in complete(checkpoint, asked, temperature=1.0, batch_size=8)]
    assert first == [c.text for c in complete(checkpoint, asked, temperature=1.0, batch_size=3)]
    assert first != [c.text for c in complete(checkpoint, asked, batch_size=8)]


def test_a_prompt_beyond_the_context_is_one_rows_failure(checkpoint: Path) -> None:
    long = Prompt("echo", {"text": "x" * 500}, prompts=PROMPTS)
    with pytest.raises(ModelFailure, match="prompt_too_long") as failure:
        complete(checkpoint, [long])
    assert not failure.value.permanent


def test_a_checkpoint_trained_anew_is_another_model(checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    assert fingerprint(copy) == fingerprint(checkpoint)
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-100] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert fingerprint(copy) != fingerprint(checkpoint)


def test_a_tokenizer_without_a_chat_template(checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(ToolAlpacaError, match="no chat template"):
        complete(copy, prompts(1))
    template = tmp_path / "t.jinja"
    template.write_text(TEMPLATE)
    given = complete(copy, prompts(1), chat_template=str(template))
    assert given[0].text == complete(checkpoint, prompts(1))[0].text


def test_a_checkpoint_that_cannot_be_loaded_is_tried_once(
    checkpoint: Path, tmp_path: Path, monkeypatch
) -> None:
    import transformers

    tried = []

    def refuse(*args: Any, **given: Any) -> None:
        tried.append(args)
        raise OSError("no such model on the Hub")

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", refuse)
    model = load_model(ModelConfig(f"hf/{checkpoint}"))

    async def main() -> list[Any]:
        found = await asyncio.gather(*(model.complete(p) for p in prompts(5)), return_exceptions=True)
        await model.aclose()
        return found

    for error in asyncio.run(main()):
        assert isinstance(error, ToolAlpacaError) and "no such model on the Hub" in str(error)
    assert len(tried) == 1


def test_tool_calls_of_models_with_their_own_syntax() -> None:
    text = 'Let me see.\n<tool_call>\n{"name": "f", "arguments": {"a": {"b": 1}}}\n</tool_call>'
    assert tool_calls(text)[0]["function"] == {"name": "f", "arguments": '{"a": {"b": 1}}'}
    assert tool_calls('{"name": "g", "parameters": {}}')[0]["function"]["name"] == "g"
    assert tool_calls("<tool_call>{broken}</tool_call>") == tool_calls("Hello") == tool_calls("{}") == ()
