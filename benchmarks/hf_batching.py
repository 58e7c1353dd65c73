"""Decoding of an evaluation's prompts: `hf/` against transformers' own ways, one model and machine, one run.

    python benchmarks/hf_batching.py --dataset_name runs/demo-tools-smollm2-135m-0/dataset
    python benchmarks/hf_batching.py --dataset_name DIR --tasks 12 --ways ours one

Every held-out conversation of a built dataset is asked turn by turn, as an evaluation does: each prompt goes
on from the last, and each reply is as long as the dataset's own, whatever the model would say, so that all
ways do the same work. The ways: `ours` (toolalpaca/models/batching.py), `padded` (generate, left-padded
batches), `one` (generate, one prompt at a time) and `continuous` (generate_batch; its replies are as long as
a round's longest). Prints seconds, those of the processor on all cores (which hold beside other programs),
peak memory, and ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import multiprocessing
import resource
import sys
import time
from pathlib import Path
from typing import Any

from toolalpaca import cli
from toolalpaca.models.process import prepare_process
from toolalpaca.schema import ToolAlpacaError

PROMISED = {"padded": 2.0, "one": 6.0}
WAYS = ("ours", "padded", "one", "continuous")
Chain = list[tuple[list[int], int]]  # of one task: prompts, and how long each reply is, in tokens


def chains(rows: Any, tokenizer: Any) -> list[Chain]:
    """Prompts and reply lengths of conversations."""
    made = []
    for row in rows:
        messages = [{"role": m["role"], "content": m["content"]} for m in row["messages"]]
        chain = []
        for i, message in enumerate(messages):
            if message["role"] == "assistant":
                text = tokenizer.apply_chat_template(messages[:i], tokenize=False, add_generation_prompt=True)
                ids = tokenizer(text, add_special_tokens=False)["input_ids"]
                chain.append((ids, len(tokenizer(message["content"])["input_ids"])))
        made.append(chain)
    return made


def ours(asked: list[Chain], decoder: Any, concurrency: int) -> None:
    """As run_agent.py asks: a task's next prompt when its last reply is there, so many tasks at once."""
    decoder.ends = set()  # no reply ends early

    async def main() -> None:
        loop, room = asyncio.get_running_loop(), asyncio.Semaphore(concurrency)

        async def one(chain: Chain) -> None:
            async with room:
                for ids, length in chain:
                    done = loop.create_future()
                    decoder.put(ids, limit=length, stop=[], seed=0, done=done)
                    loop.run_in_executor(thread, decoder.work)
                    await done

        await asyncio.gather(*map(one, asked))

    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        asyncio.run(main())


def generated(asked: list[Chain], decoder: Any, size: int) -> None:
    """transformers' generate in left-padded batches of `size`, round by round."""
    import torch

    for turns in _rounds(asked):
        for at in range(0, len(turns), size):
            batch = turns[at : at + size]
            width, length = max(len(ids) for ids, _ in batch), max(length for _, length in batch)
            ids = torch.full((len(batch), width), decoder.padding)
            mask = torch.zeros_like(ids)
            for i, (prompt, _) in enumerate(batch):
                ids[i, width - len(prompt) :], mask[i, width - len(prompt) :] = torch.tensor(prompt), 1
            lengths = {"min_new_tokens": length, "max_new_tokens": length, "do_sample": False}
            decoder.model.generate(input_ids=ids, attention_mask=mask, **lengths)


def continuous(asked: list[Chain], decoder: Any) -> None:
    """transformers' continuous batching, round by round."""
    from transformers import GenerationConfig

    for turns in _rounds(asked):
        length = max(length for _, length in turns)
        settings = GenerationConfig(max_new_tokens=length, do_sample=False, eos_token_id=-1, pad_token_id=0)
        decoder.model.generate_batch(inputs=[ids for ids, _ in turns], generation_config=settings)


def _rounds(asked: list[Chain]) -> list[Chain]:
    most = max(map(len, asked))
    return [[chain[i] for chain in asked if i < len(chain)] for i in range(most)]


def measure(way: str, args: argparse.Namespace, told: Any) -> None:
    """In a process of its own, so that peak memory is this way's: seconds, the processor's, GiB, tokens."""
    prepare_process()
    import torch

    from toolalpaca.models.boundary import ModelConfig
    from toolalpaca.models.hf import HFModel
    from toolalpaca.training.examples import load_rows

    decoder = HFModel(ModelConfig(f"hf/{args.checkpoint}", batch_size=args.batch_size))._load()
    rows = load_rows(args.dataset_name, "sft", "test")
    asked = chains(rows.select(range(min(args.tasks, len(rows)))), decoder.tokenizer)
    began, used = time.perf_counter(), time.process_time()
    if way == "ours":
        ours(asked, decoder, args.concurrency)
    elif way == "continuous":
        continuous(asked, decoder)
    else:
        generated(asked, decoder, 1 if way == "one" else 16)
    seconds, used = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    tokens = sum(length for chain in asked for _, length in chain)
    told.put((seconds, used / torch.get_num_threads(), peak, tokens))


def main() -> int:
    """Print the table; status 1 when a ratio is too small."""
    arguments = cli.parser(__doc__)
    arguments.add_argument("--checkpoint", default="models/smollm2-135m", help="(default: %(default)s)")
    arguments.add_argument("--dataset_name", required=True, metavar="DIR", help="a built dataset")
    arguments.add_argument("--tasks", type=cli.number(1), default=100, help="conversations (default: 100)")
    arguments.add_argument("--batch_size", type=cli.number(1), default=32, help="of ours (default: 32)")
    arguments.add_argument("--concurrency", type=cli.number(1), default=64, help="of ours (default: 64)")
    arguments.add_argument("--ways", nargs="+", choices=WAYS, default=["ours", "padded", "one"])
    args = arguments.parse_args()
    if not (Path(args.checkpoint) / "config.json").is_file():
        raise ToolAlpacaError(
            f"{args.checkpoint} is no checkpoint: python recipes/base_model.py smollm2-135m"
        )
    print(
        "| way | seconds | of the processor | generated tokens/s | peak GiB |\n"
        "| --- | --- | --- | --- | --- |"
    )
    found: dict[str, float] = {}
    context = multiprocessing.get_context("spawn")
    for way in args.ways:
        told = context.Queue()
        process = context.Process(target=measure, args=(way, args, told))
        process.start()
        process.join()
        if process.exitcode:
            print(f"| {way} | failed, see above | | | |", flush=True)
            continue
        seconds, found[way], peak, tokens = told.get()
        print(
            f"| {way} | {seconds:.0f} | {found[way]:.0f} | {tokens / seconds:.0f} | {peak:.1f} |", flush=True
        )
    missed = False
    for way in found.keys() - {"ours"} if "ours" in found else ():
        ratio, least = found[way] / found["ours"], PROMISED.get(way)
        missed |= least is not None and ratio < least
        print(f"ours is {ratio:.1f} times as fast as {way}" + (f" (at least {least:g})" if least else ""))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
