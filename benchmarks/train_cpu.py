"""Training speed on the CPU, SmolLM2-135M with full documentation: four layouts of the same conversations.

    python benchmarks/train_cpu.py --dataset_name runs/bench-library/dataset    # some minutes on two cores
    python benchmarks/train_cpu.py --dataset_name DIR --busy    # the last, idle and beside a busy loop
    python benchmarks/train_cpu.py --dataset_name DIR --steps 0 --examples 100000    # tokenizing and packing

The original script pads every example to 2048 tokens. Here examples lie end to end (packed), in bf16 where
the processor has it, and conversations of one tool share its documentation. Model, data, optimizer and
trainer are the same in all. Prints trained tokens per second of each, all in one run, and per second of the
processor's time on all cores: that one holds on a machine that others use as well.
"""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolalpaca import cli
from toolalpaca.models.process import bf16_on_cpu, prepare_process
from toolalpaca.schema import ToolAlpacaError

LIMIT = 2048  # the original script's length
PACK = 4096  # of a row whose conversations share prefixes
MOST = 16  # conversations that share one


def layouts(train: Any, pad: int) -> dict[str, dict[str, Any]]:
    """Rows and settings of each layout, by name."""
    from toolalpaca.training import prefixes

    plain = train.select_columns(["input_ids", "labels"])
    padded = plain.map(
        lambda row: {
            "input_ids": row["input_ids"] + [pad] * (LIMIT - len(row["input_ids"])),
            "labels": row["labels"] + [-100] * (LIMIT - len(row["labels"])),
        }
    )
    packed = prefixes.shared_dataset(train, 1, LIMIT, 0)
    shared = prefixes.shared_dataset(train, MOST, PACK, 0)
    return {
        f"padded to {LIMIT}, float32": {"rows": padded, "bf16": False, "steps": 1},
        "packed, float32": {"rows": packed, "bf16": False, "steps": 2},
        "packed, bf16": {"rows": packed, "bf16": True, "steps": 3},
        "shared prefixes, bf16": {"rows": shared, "bf16": True, "steps": 3},
    }


def trained_per_second(
    rows: Any, bf16: bool, checkpoint: str, tokenizer: Any, folder: str, steps: int
) -> float:
    """Tokens with loss per second of training, after one step to warm up; and of the processor's time."""
    import torch
    from transformers import AutoModelForCausalLM, TrainerCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    from toolalpaca.training import attention, lean, prefixes
    from toolalpaca.training.trainer import Trainer

    class Clock(TrainerCallback):
        began = used = 0.0

        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 1:
                self.began, self.used = time.perf_counter(), time.process_time()

    ours = "segments" in rows.column_names
    rows = rows.select(range(steps + 1))
    trained = sum(label >= 0 for labels in rows.select(range(1, steps + 1))["labels"] for label in labels)
    set_seed(0)
    model = AutoModelForCausalLM.from_pretrained(
        checkpoint, dtype=torch.float32, attn_implementation=attention.NAME if ours else "sdpa"
    )
    if ours:
        lean.make_lean(model)
    arguments = SFTConfig(
        output_dir=folder,
        per_device_train_batch_size=1,
        max_steps=steps + 1,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        activation_checkpointing=False,
        optim="adamw_torch_fused",
        bf16=bf16,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        train_sampling_strategy="sequential",
    )
    clock, kind = Clock(), Trainer if ours else SFTTrainer
    collator = {"data_collator": prefixes.Collator()} if ours else {}
    trainer = kind(
        model, arguments, train_dataset=rows, processing_class=tokenizer, callbacks=[clock], **collator
    )
    trainer.train()
    seconds = time.perf_counter() - clock.began
    used = (time.process_time() - clock.used) / torch.get_num_threads()
    trainer.accelerator.free_memory()
    del trainer, model
    gc.collect()
    return trained / seconds, trained / used


@contextmanager
def busy_loop() -> Iterator[None]:
    """Another program that takes all it can of one core."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def prepare_many(rows: Any, tokenizer: Any, count: int, workers: int) -> str:
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
    prepare_process()
    arguments = cli.parser(__doc__)
    arguments.add_argument("--model", default="models/smollm2-135m", help="checkpoint (default: %(default)s)")
    arguments.add_argument("--dataset_name", required=True, metavar="DIR", help="a built dataset")
    arguments.add_argument("--steps", type=int, default=1, help="times the measured steps; 0 for none")
    arguments.add_argument("--busy", action="store_true", help="the last layout alone, idle and not")
    arguments.add_argument("--examples", type=int, default=0, help="rows to prepare (default: none)")
    arguments.add_argument("--workers", type=int, default=2, help="processes that tokenize (default: 2)")
    args = arguments.parse_args()
    if not (Path(args.model) / "config.json").is_file():
        raise ToolAlpacaError(f"{args.model} is no checkpoint: python recipes/base_model.py smollm2-135m")

    from transformers import AutoTokenizer

    from toolalpaca.training import examples

    tokenizer = AutoTokenizer.from_pretrained(args.model)
    with tempfile.TemporaryDirectory() as folder:
        rows = examples.load_rows(args.dataset_name, "sft", "train")
        train, counts = examples.prepare(rows.shuffle(seed=0), tokenizer, LIMIT)
        print(f"corpus   {counts}\nbf16     {'yes' if bf16_on_cpu() else 'no: float32 in its place'}")
        found = {}
        for title, layout in layouts(train, tokenizer.pad_token_id).items() if args.steps else ():
            if args.busy and not title.startswith("shared"):
                continue
            given = (args.model, tokenizer, folder, layout["steps"] * args.steps)
            half = layout["bf16"] and bf16_on_cpu()
            found[title] = trained_per_second(layout["rows"], half, *given)
            tell(title, found)
            if args.busy:
                with busy_loop():
                    found["the same, beside a busy loop"] = trained_per_second(layout["rows"], half, *given)
                tell("the same, beside a busy loop", found)
        if args.examples:
            print(prepare_many(rows, tokenizer, args.examples, args.workers))


def tell(title: str, found: dict[str, tuple[float, float]]) -> None:
    first, now = next(iter(found.values())), found[title]
    wall, used = (
        f"{rate:6.1f} ({rate / base:5.2f} of the first)" for rate, base in zip(now, first, strict=True)
    )
    print(f"train    {title:30} trained tokens/s {wall}; of the processor's time {used}", flush=True)


if __name__ == "__main__":
    cli.run(main)
