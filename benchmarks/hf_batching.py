"""`hf/` with batches against one request at a time: the same model, prompts and machine, one run.

    python benchmarks/hf_batching.py [--checkpoint FOLDER] [--prompts 64] [--batch_size 32]

Without a checkpoint a Llama of 1.0 million random parameters is made (hidden 128, 4 layers, vocabulary
2,048). Prints requests and generated tokens per second, and their ratio (issue 7: at least 4).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from toolalpaca.models.boundary import Completion, ModelConfig
from toolalpaca.models.prompts import Prompt
from toolalpaca.offline.loading import load_model

PROMISED = 4.0
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"


def prompts(count: int, seed: int) -> list[Prompt]:
    """What a small student reads first: a tool of five functions, of about 150 tokens, and an instruction."""
    chance = random.Random(seed)
    words = [
        "".join(chance.choices("bdfglmnprst", k=2)) + chance.choice(("a", "ero", "ing")) for _ in range(400)
    ]
    made = []
    for _ in range(count):
        names = [chance.choice(("find", "get", "add")) + chance.choice(words).title() for _ in range(5)]
        signatures = [
            "{}({}, {}: {}|{}|{}, {}?: integer, {}?: {}|{}, {}?)".format(name, *chance.choices(words, k=10))
            for name in names
        ]
        asked = " ".join(chance.choices(words, k=chance.randrange(10, 30)))
        variables = {"documentation": "\n".join(signatures), "functions": names, "instruction": asked}
        made.append(Prompt("student", {**variables, "detail": "compact"}))
    return made


def make_checkpoint(folder: Path) -> None:
    """A random Llama with a byte-level tokenizer trained on such prompts."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=2048, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet)
    texts = (message["content"] for prompt in prompts(500, seed=0) for message in prompt.messages)
    words.train_from_iterator(texts, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=2048, hidden_size=128, intermediate_size=344, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=2048, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def measure(
    folder: str, asked: list[Prompt], batch_size: int, new_tokens: int
) -> tuple[float, list[Completion]]:
    """Seconds for all prompts, loading left out, and the replies."""
    model = load_model(ModelConfig(f"hf/{folder}", batch_size=batch_size, max_tokens=new_tokens))

    async def main() -> tuple[float, list[Completion]]:
        await model.complete(asked[0])
        start = time.monotonic()
        replies = await asyncio.gather(*(model.complete(prompt) for prompt in asked))
        return time.monotonic() - start, list(replies)

    return asyncio.run(main())


def main() -> int:
    """Print the table; status 1 when the ratio is too small."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--checkpoint", help="a checkpoint folder with a chat template")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--new_tokens", type=int, default=60)
    args = parser.parse_args()
    asked = prompts(args.prompts, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        if not args.checkpoint:
            make_checkpoint(Path(folder))
        name = args.checkpoint or folder
        alone, one = measure(name, asked, 1, args.new_tokens)
        together, many = measure(name, asked, args.batch_size, args.new_tokens)
    same = sum(a.text == b.text for a, b in zip(one, many, strict=True))
    tokens = sum(reply.tokens_out for reply in many)
    ratio = alone / together
    print("| requests at a time | requests/s | generated tokens/s |\n| --- | --- | --- |")
    for label, seconds in (("1", alone), (str(args.batch_size), together)):
        print(f"| {label} | {len(asked) / seconds:.2f} | {tokens / seconds:.0f} |")
    print(
        f"\nratio {ratio:.1f} (must show >= {PROMISED:g}); "
        f"{same} of {len(asked)} replies the same to the letter"
    )
    return 0 if ratio >= PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
