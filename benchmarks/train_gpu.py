"""Fine-tuning speed and memory on one GPU, with a Vicuna-7B-shaped model of random weights (no download).

    python benchmarks/train_gpu.py lora
    accelerate launch --config_file accelerate_configs/fsdp.yaml --num_processes 1 \
        benchmarks/train_gpu.py full
    python benchmarks/train_gpu.py qlora
    python benchmarks/train_gpu.py full --device cpu --shape tiny --steps 2    # anywhere

Conversations have a corpus's lengths (--dataset_name FOLDER; else lengths around ToolAlpaca's) and
random tokens. Each step is what recipes/vicuna-7b does: 2048 tokens per conversation at most, laid end to
end, bf16, gradient checkpointing. The first steps warm up and are not counted.

Model FLOPs utilisation = FLOPs per token x tokens per second / peak. FLOPs per token, without recomputation:
full fine-tuning 6 N + 12 L h s; adapters 4 N + 12 L h s, since frozen weights need no gradient of their own.
N: parameters outside the embedding; L layers of width h; s: mean over tokens of the positions attended to.
Peak: dense bf16 of the card (--peak TFLOPS where it is not known).
"""

from __future__ import annotations

import time
from pathlib import Path

from toolalpaca import cli
from toolalpaca.schema import ToolAlpacaError

ROOT = Path(__file__).parents[1]
PEAKS = {"H200": 989.5, "H100": 989.5, "A100": 312.0, "L40S": 362.0, "4090": 165.2, "A10G": 70.0}  # TFLOPS
TINY = {"model_type": "llama", "vocab_size": 512, "hidden_size": 64, "intermediate_size": 128}
TINY |= {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
LORA = {"r": 64, "lora_alpha": 128, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
WARM_UP = 3  # steps


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


def build(kind: str, shape: dict, device: str):
    """The model with random weights, in the precision of the recipe; for QLoRA its layers are quantized."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig

    from toolalpaca.training import attention

    settings = dict(shape)
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(
            config,
            attn_implementation=attention.NAME,
            dtype=torch.float32 if kind == "full" or device == "cpu" else torch.bfloat16,
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


def parameters(shape: dict) -> int:
    """Weights that multiply every token: all but the embedding (a tied one counts once, as the head)."""
    from toolalpaca.training.memory import meta_model

    model = meta_model(shape)
    total = sum(p.numel() for p in model.parameters())
    return total if model.config.tie_word_embeddings else total - model.get_input_embeddings().weight.numel()


def flops_per_token(count: int, shape: dict, kind: str, lengths: list[int]) -> float:
    """The formula above, for `count` parameters; the adapters' own few FLOPs are left out."""
    attended = sum(length * (length + 1) / 2 for length in lengths) / sum(lengths)
    attention = 12 * shape["num_hidden_layers"] * shape["hidden_size"] * attended
    return (6 if kind == "full" else 4) * count + attention


def train(kind: str, model, rows: list[dict], device: str, batch: int, steps: int):
    """Train on the rows; returns the trainer and the seconds of the last `steps` steps."""
    import tempfile

    import datasets
    import torch
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from toolalpaca.training.scratch import train_tokenizer

    class Clock(TrainerCallback):
        began = 0.0

        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == WARM_UP:
                if device == "cuda":
                    torch.cuda.synchronize()
                self.began = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        settings = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=batch,
            max_steps=steps + WARM_UP,
            padding_free=True,
            max_length=None,
            bf16=device == "cuda",
            use_cpu=device == "cpu",
            activation_checkpointing=True,
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
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=train_tokenizer(
                ["a b"], 300
            ),  # the tokens are made up: it only names the padding
            peft_config=None if kind == "full" else LoraConfig(**LORA),
            callbacks=[clock],
        )
        trainer.train()
        if device == "cuda":
            torch.cuda.synchronize()
        return trainer, time.perf_counter() - clock.began


def main() -> None:
    arguments = cli.parser(__doc__)
    arguments.add_argument("kind", choices=["lora", "full", "qlora"])
    arguments.add_argument("--shape", choices=["vicuna-7b", "tiny"], default="vicuna-7b")
    arguments.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    arguments.add_argument("--batch", type=int, default=4, help="conversations per step (default: 4)")
    arguments.add_argument("--steps", type=int, default=10, help="measured steps (default: 10)")
    arguments.add_argument("--dataset_name", metavar="FOLDER", help="take lengths from this dataset")
    arguments.add_argument("--peak", type=float, metavar="TFLOPS", help="dense bf16 peak of the device")
    args = arguments.parse_args()

    import torch
    import yaml

    if args.device == "cuda" and not torch.cuda.is_available():
        raise ToolAlpacaError("no CUDA device here; --device cpu --shape tiny runs the same code")
    device = torch.cuda.get_device_name() if args.device == "cuda" else "CPU"
    peak = args.peak or next((value for part, value in PEAKS.items() if part in device), None)
    shapes = yaml.safe_load((ROOT / "recipes/architectures.yaml").read_text(encoding="utf-8"))
    shape = TINY if args.shape == "tiny" else shapes["lmsys/vicuna-7b-v1.5"]
    count = (args.steps + WARM_UP) * args.batch
    rows = conversations(count, 2048, shape["vocab_size"], args.dataset_name)

    trainer, seconds = train(
        args.kind, build(args.kind, shape, args.device), rows, args.device, args.batch, args.steps
    )
    measured = rows[WARM_UP * args.batch :]
    lengths = [len(row["input_ids"]) for row in measured]
    trained = sum(label >= 0 for row in measured for label in row["labels"])
    each = flops_per_token(parameters(shape), shape, args.kind, lengths)
    achieved = each * sum(lengths) / seconds / 1e12
    line = [
        f"{args.kind} {args.shape} on {device}, torch {torch.__version__}",
        f"{sum(lengths) / seconds:.0f} tokens/s",
        f"{trained / seconds:.0f} trained tokens/s",
        f"{achieved:.3g} TFLOPS",
        f"utilisation {achieved / peak:.1%} of {peak:.0f}" if peak else "utilisation unknown (--peak)",
    ]
    if args.device == "cuda":
        line.append(f"peak memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
    if trainer.is_world_process_zero():
        print(", ".join(line))


if __name__ == "__main__":
    cli.run(main)
