"""Fine-tuning speed and memory on one GPU, with a Vicuna-7B-shaped model of random weights (no download).

    python benchmarks/train_gpu.py lora
    accelerate launch --config_file accelerate_configs/fsdp.yaml --num_processes 1 \
        benchmarks/train_gpu.py full
    python benchmarks/train_gpu.py qlora
    python benchmarks/train_gpu.py full --dtype bfloat16      # an 80 GB card, see below
    python benchmarks/train_gpu.py full --device cpu --shape tiny --steps 2    # anywhere

Conversations have a corpus's lengths (--dataset_name FOLDER; else lengths around ToolAlpaca's), at most
2048 tokens, and random tokens. They are laid end to end in rows of --tokens, one row per forward pass and
--accumulate rows per optimizer step (the recipe's 128 conversations are some forty rows). The first step
warms up and is not counted.

Full fine-tuning holds weights, gradients and both moments of AdamW in float32, 16 bytes per parameter, and
computes in bf16: 100 GiB of a 7B model, which an H200 holds and an 80 GB card does not. There --dtype
bfloat16 halves them (without FSDP, which would make them float32 again); it measures speed and is no
recipe, for updates below a weight's last bit are lost. Where memory is left, layers keep their activations;
computing them twice (--recompute) takes a quarter of the time of a step. Norms, and the MLPs of full
fine-tuning, are compiled (--no-compile): they have few FLOPs beside the matrix products, but move many
bytes.

Model FLOPs utilisation = model FLOPs per second / peak. Recomputed FLOPs do not count. Full fine-tuning has
6 N + 12 L h s per token, and 6 V h per trained token; adapters 4 in place of 6, since frozen weights need
no gradient of their own, and their own few FLOPs are left out. N: parameters of the layers; L layers whose
attention is h wide; s: mean over tokens of the positions attended to; V h: the head, which TRL computes at
trained tokens alone. Peak: dense bf16 of the card (--peak TFLOPS where it is not known).
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from toolalpaca import cli
from toolalpaca.schema import ToolAlpacaError

ROOT = Path(__file__).parents[1]
# TFLOPS. A name is looked up in this order: some cards are slower than their namesakes
PEAKS = {"H100 PCIe": 756.0, "H100 NVL": 835.5, "H200 NVL": 835.5, "H200": 989.5, "H100": 989.5}
PEAKS |= {"A100": 312.0, "L40S": 362.0, "4090": 165.2, "A10G": 70.0}
TINY = {"model_type": "llama", "vocab_size": 512, "hidden_size": 64, "intermediate_size": 128}
TINY |= {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
LORA = {"r": 64, "lora_alpha": 128, "lora_dropout": 0.05, "target_modules": "all-linear"}
LIMIT = 2048  # tokens of a conversation, as in recipes/vicuna-7b
WARM_UP = 1  # steps
SPARE = 8 * 2**30  # bytes: CUDA's context, gathered layers, fragmentation


def conversations(count: int, limit: int, vocabulary: int, dataset: str | None) -> list[dict[str, list[int]]]:
    """Random tokens in conversations of real lengths; three in ten of them are trained, as in the corpus."""
    import numpy as np

    rng = np.random.default_rng(0)
    if dataset:
        from toolalpaca.training.examples import load_rows

        rows = load_rows(dataset, "sft", "train")
        characters = [sum(len(message["content"]) for message in row) for row in rows["messages"]]
        lengths = np.array(characters) // 4  # a token is about four characters of English and JSON
    else:
        lengths = rng.normal(1300, 400, 10_000).astype(int)
    lengths = np.clip(rng.choice(lengths, count), 64, limit)
    made = []
    for length in lengths:
        ids = rng.integers(5, vocabulary, length).tolist()
        start = int(length * 0.7)
        made.append({"input_ids": ids, "labels": [-100] * start + ids[start:]})
    return made


def pack(tokens: int, rows: int, vocabulary: int, dataset: str | None):
    """So many rows of at most `tokens` tokens, each of whole conversations."""
    import datasets
    from trl.data_utils import pack_dataset

    count = 64
    while True:
        made = conversations(count, min(LIMIT, tokens), vocabulary, dataset)
        packs = pack_dataset(datasets.Dataset.from_list(made), tokens, "bfd")
        if len(packs) >= rows:
            return packs.shuffle(seed=0).select(range(rows))  # packing leaves the longest first
        count *= 2


def build(kind: str, shape: dict, device: str, dtype: str):
    """The model with random weights, in the precision of the recipe; for QLoRA its layers are quantized."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig

    from toolalpaca.training import attention

    settings = dict(shape)
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(
            config, attn_implementation=attention.NAME, dtype=getattr(torch, dtype)
        )
    if kind == "qlora":
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            del model
            four_bit = BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=torch.bfloat16,
            )
            model = AutoModelForCausalLM.from_pretrained(
                folder,
                quantization_config=four_bit,
                attn_implementation=attention.NAME,
                dtype=torch.bfloat16,
                device_map={"": device},
            )
    return model


def compile_parts(model, kind: str) -> None:
    """Fuse what lies between the matrix products; the attention in between stays as it is."""
    import torch._dynamo

    torch._dynamo.config.suppress_errors = True  # a part that does not compile runs as it is, with a warning
    for layer in model.model.layers:
        parts = [layer.input_layernorm, layer.post_attention_layernorm]
        for part in [*parts, layer.mlp] if kind == "full" else parts:
            part.compile(dynamic=True)


def choose_recompute(kind: str, shape: dict, dtype: str, tokens: int, available: float) -> int:
    """One layer in how many must compute its activations twice for the step to fit; 0: none.

    Raises:
        ToolAlpacaError: not even recomputing every layer would do.
    """
    from toolalpaca.training import memory

    sharded = os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
    sharding = memory.Sharding(1, "FSDP" if sharded else "NO")
    lora = {name: LORA[name] for name in ("r", "target_modules")} if kind != "full" else None
    for every in (0, 4, 2, 1):
        found = memory.estimate(
            shape,
            sharding,
            tokens=tokens,
            dtype_bytes=2 if dtype == "bfloat16" else 4,
            lora=lora,
            quantized=kind == "qlora",
            checkpointing=every > 0,
            every_n_layers=every or 1,
        )
        if found.total + SPARE <= available:
            return every
    raise ToolAlpacaError(
        f"{kind} takes {found}, and the device has {available / memory.GIB:.0f} GiB; "
        "full --dtype bfloat16 takes half, lora less, --tokens sets the rest"
    )


def model_flops(shape: dict, kind: str, lengths: list[int], trained: int) -> float:
    """FLOPs of the formula above, for conversations of these lengths with `trained` trained tokens."""
    from toolalpaca.training.memory import meta_model

    model = meta_model(shape)
    layers = sum(p.numel() for p in model.model.layers.parameters())
    head = model.get_output_embeddings().weight.numel()
    config = model.config
    width = config.num_attention_heads * (
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )
    pairs = sum(length * (length + 1) / 2 for length in lengths)  # a token attends to itself and all before
    each = 6 if kind == "full" else 4
    attention = 12 * config.num_hidden_layers * width * pairs
    return each * layers * sum(lengths) + attention + each * head * trained


def train(kind: str, model, packs, args: argparse.Namespace):
    """Train on the packs; returns the trainer and the seconds of the last `args.steps` steps."""
    import tempfile

    import torch
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from toolalpaca.training.tokenizer import train_tokenizer

    class Clock(TrainerCallback):
        began = 0.0

        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == WARM_UP:
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                self.began = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        settings = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=1,
            gradient_accumulation_steps=args.accumulate,
            # Gradients of the batches before stay sharded and float32, as in the recipes
            accelerator_config={"gradient_accumulation_kwargs": {"sync_each_batch": True}},
            max_steps=args.steps + WARM_UP,
            padding_free=True,
            max_length=None,
            pad_to_multiple_of=None,
            bf16=args.device == "cuda",
            use_cpu=args.device == "cpu",
            activation_checkpointing=args.recompute > 0,
            activation_checkpointing_kwargs={"every_n_layers": args.recompute or 1, "use_reentrant": False},
            optim="adamw_torch_fused",
            learning_rate=1e-5,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            train_sampling_strategy="sequential",
        )
        clock = Clock()
        trainer = SFTTrainer(
            model,
            settings,
            train_dataset=packs,
            processing_class=train_tokenizer(
                ["a b"], 300
            ),  # the tokens are made up: it only names the padding
            peft_config=None if kind == "full" else LoraConfig(task_type="CAUSAL_LM", **LORA),
            callbacks=[clock],
        )
        trainer.train()
        if args.device == "cuda":
            torch.cuda.synchronize()
        return trainer, time.perf_counter() - clock.began


def arguments() -> argparse.Namespace:
    """The command line, with what depends on the device filled in."""
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("kind", choices=["lora", "full", "qlora"])
    add("--shape", choices=["vicuna-7b", "tiny"], default="vicuna-7b")
    add("--device", choices=["cuda", "cpu"], default="cuda")
    add("--dtype", choices=["float32", "bfloat16"], help="of the weights (default: float32 for full)")
    add("--tokens", type=int, default=4096, help="most tokens of a forward pass (default: 4096)")
    add("--accumulate", type=int, help="forward passes per optimizer step (default: 32; on the CPU 2)")
    add("--steps", type=int, default=4, help="measured optimizer steps (default: 4)")
    add(
        "--recompute", type=int, metavar="N", help="one layer in N computes twice; 0: none (default: fitting)"
    )
    add("--compile", action=argparse.BooleanOptionalAction, help="fuse parts (default: on a GPU)")
    add("--dataset_name", metavar="FOLDER", help="take lengths from this dataset")
    add("--peak", type=float, metavar="TFLOPS", help="dense bf16 peak of the device")
    args = parser.parse_args()
    gpu = args.device == "cuda"
    args.accumulate = args.accumulate or (32 if gpu else 2)
    args.compile = gpu if args.compile is None else args.compile
    args.dtype = args.dtype or ("float32" if args.kind == "full" or not gpu else "bfloat16")
    if min(args.tokens - 63, args.accumulate, args.steps) < 1 or (args.recompute or 0) < 0:
        raise ToolAlpacaError("--tokens is at least 64, --accumulate and --steps 1, --recompute 0")
    return args


def main() -> None:
    args = arguments()
    import torch
    import yaml

    gpu = args.device == "cuda"
    if gpu and not torch.cuda.is_available():
        raise ToolAlpacaError("no CUDA device here; --device cpu --shape tiny runs the same code")
    device = torch.cuda.get_device_name() if gpu else "CPU"
    peak = args.peak or next((value for part, value in PEAKS.items() if part in device), None)
    shapes = yaml.safe_load((ROOT / "recipes/architectures.yaml").read_text(encoding="utf-8"))
    shape = TINY if args.shape == "tiny" else shapes["lmsys/vicuna-7b-v1.5"]
    if args.recompute is None:
        available = torch.cuda.mem_get_info()[1] if gpu else float("inf")
        args.recompute = choose_recompute(args.kind, shape, args.dtype, args.tokens, available)
    rows = (args.steps + WARM_UP) * args.accumulate
    packs = pack(args.tokens, rows, shape["vocab_size"], args.dataset_name)
    model = build(args.kind, shape, args.device, args.dtype)
    if args.compile:
        compile_parts(model, args.kind)

    trainer, seconds = train(args.kind, model, packs, args)
    measured = packs.select(range(WARM_UP * args.accumulate, rows))
    lengths = [length for row in measured["seq_lengths"] for length in row]
    trained = sum(label >= 0 for labels in measured["labels"] for label in labels)
    achieved = model_flops(shape, args.kind, lengths, trained) / seconds / 1e12
    again = f"one layer in {args.recompute} computed twice" if args.recompute else "nothing computed twice"
    line = [
        f"{args.kind} {args.shape} on {device}, torch {torch.__version__}",
        f"weights {args.dtype}, {sum(lengths) / len(measured):.0f} tokens x {args.accumulate} per step",
        again,
        f"{sum(lengths) / seconds:.0f} tokens/s",
        f"{trained / seconds:.0f} trained tokens/s",
        f"{achieved:.3g} TFLOPS",
        f"utilisation {achieved / peak:.1%} of {peak:g}" if peak else "utilisation unknown (--peak)",
    ]
    if gpu:
        line.append(f"peak memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
    if trainer.is_world_process_zero():
        print(", ".join(line))


if __name__ == "__main__":
    cli.run(main)
