"""What a run would do, without doing it: counts, packing, steps and memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from toolalpaca.training import masks, memory, scratch
from toolalpaca.training.examples import Counts

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase
    from trl import ModelConfig, SFTConfig

    from toolalpaca.training.recipe import RecipeArguments


def report(
    train: Dataset,
    counts: Counts,
    tokenizer: PreTrainedTokenizerBase,
    args: SFTConfig,
    model_args: ModelConfig,
    recipe: RecipeArguments,
    sharding: memory.Sharding,
) -> str:
    """One example with its trained tokens marked, and what training would take, as text."""
    sequences, layout = layout_of(train, counts, args, recipe.shared_prefix)
    per_epoch = math.ceil(sequences / recipe.global_batch_size)
    steps = args.max_steps if args.max_steps > 0 else math.ceil(per_epoch * args.num_train_epochs)
    unit = "packs" if args.packing else "examples"
    return "\n".join(
        [
            masks.show(train[0]["messages"], tokenizer, train[0].get("tools")),
            "",
            f"tokens    {counts.tokens} in {counts.examples} examples, {counts.trained} trained "
            f"({counts.trained / counts.tokens:.0%}), longest {counts.longest}",
            f"limit     {args.max_length} tokens: {counts.trimmed + counts.dropped} examples are longer; "
            f"{counts.trimmed} trimmed of functions they do not use, {counts.dropped} dropped",
            f"layout    {layout}",
            f"batch     {recipe.global_batch_size} {unit} = {args.per_device_train_batch_size} per device x "
            f"{args.gradient_accumulation_steps} accumulated x {sharding.processes} processes",
            f"steps     {steps} ({steps / per_epoch:.2f} epochs of {per_epoch})",
            f"memory    {estimate(tokenizer, args, model_args, recipe, sharding)}",
        ]
    )


def layout_of(train: Dataset, counts: Counts, args: SFTConfig, shared_prefix: int = 0) -> tuple[int, str]:
    """How many sequences an epoch has, and in words how full they are."""
    if shared_prefix:
        from toolalpaca.training.prefixes import shared_dataset

        packed = shared_dataset(train, shared_prefix, args.max_length, args.seed)
        tokens = sum(map(len, packed["input_ids"]))
        return (
            len(packed),
            f"{len(packed)} packs of {args.max_length} tokens, {tokens / len(packed) / args.max_length:.1%} "
            f"full; prefixes shared by up to {shared_prefix}: {tokens} tokens of {counts.tokens} are left",
        )
    if args.packing:
        from trl.data_utils import pack_dataset

        columns = train.select_columns(["input_ids", "labels"])
        packs = len(pack_dataset(columns, args.max_length, args.packing_strategy))
        return (
            packs,
            f"{packs} packs of {args.max_length} tokens, {counts.tokens / packs / args.max_length:.1%} full",
        )
    if args.padding_free:
        return len(train), "examples laid end to end, no padding"
    size = args.per_device_train_batch_size
    lengths = [len(ids) for ids in train["input_ids"]]
    padded = sum(
        max(lengths[i : i + size]) * len(lengths[i : i + size]) for i in range(0, len(lengths), size)
    )
    return len(
        train
    ), f"padded to the longest of a batch, {counts.tokens / padded:.1%} full in the data's order"


def estimate(
    tokenizer: PreTrainedTokenizerBase,
    args: SFTConfig,
    model_args: ModelConfig,
    recipe: RecipeArguments,
    sharding: memory.Sharding,
) -> memory.Memory:
    """Memory per GPU of the recipe."""
    architecture: Any
    if recipe.architecture is not None:
        architecture = scratch.configuration(recipe.architecture, tokenizer)
    else:
        from transformers import AutoConfig

        architecture = AutoConfig.from_pretrained(
            model_args.model_name_or_path,
            revision=model_args.model_revision,
            trust_remote_code=args.trust_remote_code,
        )
    lora = None
    if model_args.use_peft:
        lora = {"r": model_args.lora_r, "target_modules": model_args.lora_target_modules}
    return memory.estimate(
        architecture,
        sharding,
        tokens=args.per_device_train_batch_size * (args.max_length or tokenizer.model_max_length),
        dtype_bytes=2 if model_args.dtype in ("bfloat16", "float16") else 4,
        lora=lora,
        quantized=model_args.load_in_4bit,
        checkpointing=bool(args.activation_checkpointing),
        every_n_layers=(args.activation_checkpointing_kwargs or {}).get("every_n_layers", 1),
        autocast=args.bf16 or args.fp16,
    )
