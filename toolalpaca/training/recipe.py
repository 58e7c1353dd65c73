"""A recipe's arguments: TRL's own, and the few that this project adds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from toolalpaca.schema import ToolAlpacaError


@dataclass
class RecipeArguments:
    """Arguments beside those of TRL's `ScriptArguments`, `SFTConfig` and `ModelConfig`."""

    global_batch_size: int = field(
        default=128,
        metadata={
            "help": "Sequences per optimizer step over all processes (packs, when packing). The accumulation "
            "follows from it and the number of processes; per_device_train_batch_size is an upper bound."
        },
    )
    architecture: dict[str, Any] | str | None = field(
        default=None,
        metadata={
            "help": "Train from scratch: a transformers config (model_type, hidden_size, ...). The tokenizer "
            "is trained on the data, and vocab_size is its own. Replaces model_name_or_path."
        },
    )
    word_pieces: int = field(
        default=800,
        metadata={
            "help": "From scratch: pieces of words that the tokenizer learns, their forms not counted."
        },
    )
    copying_init: bool = field(
        default=False,
        metadata={"help": "From scratch: start with attention heads that look for repetitions and copy."},
    )
    answer_share: float = field(
        default=1.0,
        metadata={
            "help": "Share of the examples that go on to the final answer; the others end with their last "
            "call. Below 1 a small model spends its steps on calls, which are harder to learn than answers."
        },
    )
    shared_prefix: int = field(
        default=0,
        metadata={
            "help": "With packing and attn_implementation packed: at most so many conversations of one tool "
            "share the tokens that they begin with, which stand in a pack once. 0 shares nothing."
        },
    )
    merge_adapter: bool = field(
        default=False,
        metadata={"help": "After LoRA training, also write the merged model to output_dir/merged."},
    )
    dry_run: bool = field(
        default=False,
        metadata={"help": "Train nothing: print one example's mask, counts, steps and memory, and exit."},
    )
    accelerate_config: str | None = field(
        default=None,
        metadata={"help": "With dry_run: the accelerate config whose processes and sharding to reckon with."},
    )


def parse_recipe(argv: Sequence[str] | None = None) -> tuple[Any, Any, Any, RecipeArguments]:
    """Read `--config recipe.yaml` and the command line, which overrides it.

    Returns:
        TRL's ScriptArguments, SFTConfig and ModelConfig, and ours.

    Raises:
        ToolAlpacaError: the file is missing or no YAML mapping, a key is unknown, a value does not fit,
            or settings do not fit each other.
    """
    import os
    import sys

    import torch
    import yaml
    from trl import ModelConfig, ScriptArguments, SFTConfig, TrlParser

    kinds = (ScriptArguments, SFTConfig, ModelConfig, RecipeArguments)
    parser = TrlParser(kinds, prog="sft.py", allow_abbrev=False)
    parser.error = _refuse  # argparse would print its two hundred options first
    argv = list(sys.argv[1:] if argv is None else argv)
    asked = os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true"  # accelerate_configs/cpu.yaml
    on_cpu = asked or not torch.accelerator.is_available()
    try:
        # Mistakes are named before the want of a GPU is
        parsed = parser.parse_args_and_config([*argv, "--use_cpu"] if on_cpu else argv)
        if on_cpu and not (asked or parsed[-1].dry_run or "LOCAL_RANK" in os.environ):
            parsed = parser.parse_args_and_config(argv)
        script, training, model, recipe = parsed
    except FileNotFoundError as error:
        raise ToolAlpacaError(
            f"{error.filename} does not exist; recipes are recipes/<model>/<variant>.yaml"
        ) from None
    except (ValueError, TypeError, ImportError, yaml.YAMLError) as error:
        raise ToolAlpacaError(f"recipe: {error}") from None
    for wrong, message in _mistakes(script, training, model, recipe):
        if wrong:
            raise ToolAlpacaError(f"recipe: {message}")
    return script, training, model, recipe


def _mistakes(script: Any, training: Any, model: Any, recipe: RecipeArguments) -> Iterator[tuple[Any, str]]:
    """Settings that would be ignored, cut an answer, or end the run only after the model was loaded."""
    from transformers.integrations import get_available_reporting_integrations

    from toolalpaca.training.checkpoints import is_whole

    scratch, packing, resumed = recipe.architecture, training.packing, training.resume_from_checkpoint
    trackers = get_available_reporting_integrations()
    yield (
        (scratch is None) == (model.model_name_or_path is None),
        "give either model_name_or_path or architecture (a model from scratch)",
    )
    yield isinstance(scratch, str), "architecture must be a mapping of transformers config keys"
    yield (
        not script.dataset_name,
        "give --dataset_name, a folder made by generate/build_dataset.py or a Hub id",
    )
    yield (
        script.dataset_streaming,
        "dataset_streaming: examples are counted and packed before training; drop it",
    )
    yield (
        not training.assistant_only_loss,
        "assistant_only_loss must be true: no loss ever falls on a prompt or an observation",
    )
    yield (
        packing and training.packing_strategy == "wrapped",
        "packing_strategy wrapped cuts through answers; bfd keeps them whole",
    )
    yield not 0 <= recipe.answer_share <= 1, f"answer_share is a share from 0 to 1, not {recipe.answer_share}"
    yield (
        recipe.shared_prefix and not (packing and model.attn_implementation == "packed"),
        "shared_prefix needs packing: true and attn_implementation: packed",
    )
    yield recipe.shared_prefix < 0, "shared_prefix is a number of conversations: 0 or more"
    yield packing and training.max_length is None, "packing needs max_length, the tokens of a pack"
    yield (
        training.gradient_accumulation_steps != 1,
        "gradient_accumulation_steps follows from global_batch_size and the number of processes; drop it",
    )
    yield (
        training.max_steps == 0 or (training.max_steps < 0 and training.num_train_epochs <= 0),
        "nothing to train: set num_train_epochs or max_steps above 0",
    )
    yield (
        training.eval_strategy != "no",
        "eval_strategy must be 'no': models are evaluated by eval/run_agent.py, on tools they have not seen",
    )
    yield (
        set(training.report_to) - set(trackers),
        f"report_to: {', '.join(training.report_to)} is not installed here; there is "
        f"{', '.join(trackers) or 'no tracker'} (metrics.jsonl is always written)",
    )
    yield (
        resumed and not is_whole(Path(resumed)),
        f"resume_from_checkpoint: {resumed} is no complete checkpoint; without it the last one is taken",
    )
    yield (
        (model.load_in_4bit or model.load_in_8bit) and (scratch is not None or not model.use_peft),
        "quantized weights are frozen: load_in_4bit needs use_peft and a model_name_or_path",
    )
    yield (
        recipe.merge_adapter and not model.use_peft,
        "merge_adapter needs use_peft: there is no adapter to merge",
    )
    yield (
        recipe.accelerate_config and not recipe.dry_run,
        "accelerate_config is for --dry_run; to train under it: accelerate launch --config_file "
        f"{recipe.accelerate_config} recipes/sft.py ...",
    )


def _refuse(message: str) -> NoReturn:
    raise ToolAlpacaError(f"{message}; recipes/sft.py --help lists every argument")


def split_batch(global_batch: int, per_device_limit: int, processes: int) -> tuple[int, int]:
    """Per-device batch and accumulation steps whose product with `processes` is the global batch.

    The per-device batch is the largest divisor that is not above its limit.

    Raises:
        ToolAlpacaError: the global batch is no multiple of the number of processes.
    """
    if global_batch < 1 or per_device_limit < 1:
        raise ToolAlpacaError("global_batch_size and per_device_train_batch_size must be at least 1")
    if global_batch % processes:
        below, above = global_batch // processes * processes, -(-global_batch // processes) * processes
        near = f"{below} or {above}" if below else f"{above}"
        raise ToolAlpacaError(
            f"a global batch of {global_batch} cannot be split over {processes} processes; "
            f"set global_batch_size to {near}, or start another number of processes"
        )
    each = global_batch // processes
    per_device = max(n for n in range(1, min(each, per_device_limit) + 1) if each % n == 0)
    return per_device, each // per_device
