"""What a run computes with: precision by the processor, and which attention and head, told and recorded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from toolalpaca.models.process import bf16_on_cpu

if TYPE_CHECKING:
    from trl import ModelConfig, SFTConfig

    from toolalpaca.training.recipe import RecipeArguments


def settle(args: SFTConfig) -> None:
    """Turn bf16 off where a CPU without instructions for it trains: it would be slower than float32."""
    if args.bf16 and args.use_cpu and not bf16_on_cpu():
        args.bf16 = False
        os.environ["ACCELERATE_MIXED_PRECISION"] = "no"


def told(args: SFTConfig, model_args: ModelConfig, recipe: RecipeArguments) -> str:
    """Attention, precision and head that a run trains with, in a line."""
    parts = [f"attention {model_args.attn_implementation or 'as the model has it'}"]
    if recipe.shared_prefix:
        parts.append(f"prefixes shared by up to {recipe.shared_prefix}")
    parts.append(f"precision {_precision(args)} over {model_args.dtype or 'float32'} weights")
    parts.append(f"head on {'trained tokens' if args.use_cpu else 'chunks of tokens'}")
    return ", ".join(parts)


def taken(args: SFTConfig) -> dict[str, Any]:
    """The same as it turned out, for run.json."""
    from toolalpaca.training import attention

    return {"precision": _precision(args), "attention": sorted(attention.REPORT)}


def not_taken(args: SFTConfig, model_args: ModelConfig) -> str:
    """What of a fast path that was asked for was not taken; "" where all was."""
    from toolalpaca.training import attention

    if model_args.attn_implementation != "packed":
        return ""
    if "sdpa, not packed" in attention.REPORT:
        return "attn_implementation packed was asked for, and rows went through plain SDPA with a dense mask"
    if not args.use_cpu and attention.REPORT and "variable-length FlashAttention" not in attention.REPORT:
        return "packed attention went segment by segment on the GPU; bf16: true makes it one kernel"
    return ""


def _precision(args: SFTConfig) -> str:
    return "bf16" if args.bf16 else "fp16" if args.fp16 else "float32"
