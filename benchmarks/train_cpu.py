"""Training speed on the CPU: ours against the original project's layout, and preparing a large corpus.

    python benchmarks/train_cpu.py                 # both parts, some minutes on two cores
    python benchmarks/train_cpu.py --examples 0    # the ratio alone

The original script pads every example to 2048 tokens. Ours lays examples end to end. Model, data, precision,
optimizer and trainer are the same in both; only the layout of a batch differs. The corpus is made by the
embedded teacher, with full documentation. Prints trained tokens per second of each and their ratio.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from toolalpaca import cli

ROOT = Path(__file__).parents[1]
LIMIT = 2048  # the original script's length
SHAPE = {"model_type": "llama", "hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 4}
SHAPE |= {"num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": LIMIT}


def make_corpus(folder: Path, tools: int) -> str:
    """A dataset folder made by the scripts that users run."""
    run = ["--out", str(folder), "--model", "offline"]
    apis = ["--apis", str(ROOT / "generate/seeds/apis.jsonl"), "--limit", str(tools)]
    for script, more in (("make_toolset", apis), ("make_instructions", []), ("simulate_instances", [])):
        command = [sys.executable, str(ROOT / f"generate/{script}.py"), *run, *more]
        subprocess.run(command, check=True, capture_output=True)
    command = [sys.executable, str(ROOT / "generate/build_dataset.py"), str(folder), "--test_tools", "1"]
    subprocess.run(command, check=True, capture_output=True)
    return str(folder / "dataset")


def trained_per_second(train, tokenizer, padded: bool, steps: int, folder: str) -> float:
    """Tokens with loss per second of training, after one step to warm up."""
    from transformers import TrainerCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    from toolalpaca.training import attention, scratch

    class Clock(TrainerCallback):
        began = 0.0

        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 1:
                self.began = time.perf_counter()

    batch = 2
    train = train.select(range((steps + 1) * batch)).select_columns(["input_ids", "labels"])
    trained = sum(
        label >= 0 for labels in train.select(range(batch, len(train)))["labels"] for label in labels
    )
    if padded:
        train = train.map(
            lambda row: {
                "input_ids": row["input_ids"] + [tokenizer.pad_token_id] * (LIMIT - len(row["input_ids"])),
                "labels": row["labels"] + [-100] * (LIMIT - len(row["labels"])),
            }
        )
    set_seed(0)
    model = scratch.random_model(SHAPE, tokenizer, "sdpa" if padded else attention.NAME)
    arguments = SFTConfig(
        output_dir=folder,
        per_device_train_batch_size=batch,
        max_steps=steps + 1,
        max_length=None,
        padding_free=not padded,
        activation_checkpointing=False,
        bf16=False,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        train_sampling_strategy="sequential",
    )
    clock = Clock()
    trainer = SFTTrainer(model, arguments, train_dataset=train, processing_class=tokenizer, callbacks=[clock])
    trainer.train()
    return trained / (time.perf_counter() - clock.began)


def prepare_many(rows, tokenizer, count: int, workers: int) -> str:
    """Tokenize and pack `count` rows; the rate, and the peak memory of all processes together."""
    from trl.data_utils import pack_dataset

    from toolalpaca.training import examples

    many = rows.select([i % len(rows) for i in range(count)])
    began = time.perf_counter()
    train, counts = examples.prepare(many, tokenizer, LIMIT, workers)
    packs = pack_dataset(train.select_columns(["input_ids", "labels"]), LIMIT, "bfd")
    seconds = time.perf_counter() - began
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (
        f"prepare  {count} examples of {counts.tokens} tokens to {len(packs)} packs in {seconds:.0f} s: "
        f"{count / seconds:.0f} examples/s, {counts.tokens / seconds:.0f} tokens/s, "
        f"peak {peak / 2**20:.1f} GiB"
    )


def main() -> None:
    arguments = cli.parser(__doc__)
    arguments.add_argument("--tools", type=int, default=40, help="APIs of the corpus (default: 40)")
    arguments.add_argument("--steps", type=int, default=12, help="measured steps of 2 examples (default: 12)")
    arguments.add_argument("--examples", type=int, default=100_000, help="rows to prepare (default: 100000)")
    arguments.add_argument("--workers", type=int, default=2, help="processes that tokenize (default: 2)")
    args = arguments.parse_args()

    from toolalpaca.training import examples
    from toolalpaca.training.tokenizer import train_tokenizer

    with tempfile.TemporaryDirectory() as folder:
        rows = examples.load_rows(make_corpus(Path(folder) / "run", args.tools), "sft", "train")
        texts = [message["content"] for messages in rows["messages"] for message in messages]
        tokenizer = train_tokenizer(texts, 800)
        tokenizer.chat_template = (ROOT / "recipes/chat_templates/tiny.jinja").read_text(encoding="utf-8")
        train, counts = examples.prepare(rows.shuffle(seed=0), tokenizer, LIMIT)
        print(f"corpus   {counts}")
        ours, theirs = (
            trained_per_second(train, tokenizer, padded, args.steps, folder) for padded in (False, True)
        )
        print(
            f"train    {ours:.0f} trained tokens/s end to end, {theirs:.0f} padded to {LIMIT}: "
            f"{ours / theirs:.2f} times as fast"
        )
        if args.examples:
            print(prepare_many(rows, tokenizer, args.examples, args.workers))


if __name__ == "__main__":
    cli.run(main)
