"""Tokenizer and model of a recipe: from the Hub, a folder or scratch; merged at the end."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolalpaca.schema import ToolAlpacaError
from toolalpaca.training import scratch
from toolalpaca.training.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl import ModelConfig, SFTConfig

    from toolalpaca.training.recipe import RecipeArguments

# What defines a run's result; logging, saving and the number of processes do not.
DEFINING = [
    "learning_rate",
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
    "warmup_steps",
    "weight_decay",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "max_grad_norm",
    "optim",
    "max_steps",
    "num_train_epochs",
    "seed",
    "data_seed",
    "max_length",
    "packing",
    "packing_strategy",
    "padding_free",
    "shuffle_dataset",
    "bf16",
    "fp16",
    "loss_type",
    "neftune_noise_alpha",
]


def tokenizer(
    rows: Dataset, args: SFTConfig, model_args: ModelConfig, recipe: RecipeArguments
) -> PreTrainedTokenizerBase:
    """The recipe's tokenizer with its chat template; trained on the rows for a model from scratch.

    Raises:
        ToolAlpacaError: there is no such model, template file or eos_token.
    """
    from transformers import AutoTokenizer
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if recipe.architecture is not None:
        texts = [message["content"] or "" for messages in rows["messages"] for message in messages]
        made = train_tokenizer(texts, recipe.word_pieces)
    else:
        try:
            made = AutoTokenizer.from_pretrained(
                model_args.model_name_or_path,
                revision=model_args.model_revision,
                trust_remote_code=args.trust_remote_code,
            )
        except (OSError, ValueError) as error:
            first = str(error).strip().splitlines()[0]
            raise ToolAlpacaError(
                f"model {model_args.model_name_or_path}: {first} Give a folder or a Hub id as "
                "--model_name_or_path; what hf download has fetched needs no network"
            ) from None
    if args.chat_template_path and args.chat_template_path.endswith((".jinja", ".j2")):
        path = Path(args.chat_template_path)
        if not path.is_file():
            raise ToolAlpacaError(
                f"chat_template_path {path} does not exist; templates are recipes/chat_templates/*"
            )
        made.chat_template = path.read_text(encoding="utf-8")
        args.chat_template_path = None
    elif made.chat_template and not has_generation_markers(made.chat_template):
        with contextlib.suppress(ValueError):  # TRL marks the templates of many models
            made.chat_template = get_training_chat_template(made) or made.chat_template
    if args.eos_token is not None:
        if args.eos_token not in made.get_vocab():
            raise ToolAlpacaError(
                f"eos_token {args.eos_token} is no token of {model_args.model_name_or_path}"
            )
        made.eos_token = args.eos_token  # before the template writes it
    if made.pad_token is None:
        made.pad_token = made.unk_token or made.eos_token
    return made


def for_trainer(args: SFTConfig) -> SFTConfig:
    """The arguments as SFTTrainer takes them: laid end to end, examples must come without a limit.

    It was kept when they were tokenized.
    """
    if args.padding_free and not args.packing:
        args.max_length = None
    return args


def for_shared_prefixes(args: SFTConfig) -> SFTConfig:
    """The same where packs were made here (prefixes.shared_dataset): nothing is left to prepare."""
    args.packing, args.padding_free, args.max_length = False, False, None
    args.dataset_kwargs = {**(args.dataset_kwargs or {}), "skip_prepare_dataset": True}
    args.remove_unused_columns = False
    args.assistant_only_loss = False  # the labels say it already
    return args


def model(
    tokenizer: PreTrainedTokenizerBase, args: SFTConfig, model_args: ModelConfig, recipe: RecipeArguments
) -> PreTrainedModel:
    """The model to train, on the CPU or its device, quantized where the recipe asks for it."""
    import torch
    from transformers import AutoModelForCausalLM, set_seed
    from trl import get_quantization_config

    if model_args.attn_implementation == "packed":
        from toolalpaca.training import attention  # noqa: F401  registers it

    if recipe.architecture is not None:
        set_seed(args.seed)
        made = scratch.random_model(recipe.architecture, tokenizer, model_args.attn_implementation)
        if recipe.copying_init:
            scratch.prepare_to_copy(made, tokenizer)
        return made
    quantization = get_quantization_config(model_args)
    settings: dict[str, Any] = {
        "revision": model_args.model_revision,
        "trust_remote_code": args.trust_remote_code,
        "attn_implementation": model_args.attn_implementation,
        "dtype": getattr(torch, model_args.dtype or "float32", "auto"),
        **(args.model_init_kwargs or {}),
    }
    if quantization is not None:
        settings.update(quantization_config=quantization, device_map={"": args.device})
    args.model_init_kwargs = None
    made = AutoModelForCausalLM.from_pretrained(model_args.model_name_or_path, **settings)
    if args.use_cpu:
        from toolalpaca.training.lean import make_lean

        make_lean(made)
    return made


def save_untrained(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: str) -> None:
    """Write a model's random weights under `folder/untrained`, to be evaluated beside the trained."""
    target = Path(folder) / "untrained"
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def settings(
    train: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    args: SFTConfig,
    model_args: ModelConfig,
    recipe: RecipeArguments,
) -> dict[str, Any]:
    """What defines the run: hyperparameters, the model, and a hash of every token id and label."""
    digest = hashlib.sha256()
    for name in ("input_ids", "labels"):
        for chunk in train.data.column(name).chunks:
            digest.update(chunk.flatten().to_numpy(zero_copy_only=False).tobytes())
    given = args.to_dict()
    return {
        **{name: given.get(name) for name in DEFINING},
        **{name: value for name, value in vars(model_args).items() if name != "attn_implementation"},
        "architecture": recipe.architecture,
        "global_batch_size": recipe.global_batch_size,
        "copying_init": recipe.copying_init,
        "shared_prefix": recipe.shared_prefix,
        "chat_template": hashlib.sha256((tokenizer.chat_template or "").encode()).hexdigest()[:12],
        "tokens": digest.hexdigest()[:16],
    }


def adapter(model_args: ModelConfig) -> PeftConfig | None:
    """The recipe's LoRA configuration, which remembers the base's revision; None without `use_peft`."""
    from trl import get_peft_config

    config = get_peft_config(model_args)
    if config is not None:
        config.revision = model_args.model_revision
    return config


def merge(folder: str, args: SFTConfig, model_args: ModelConfig) -> str:
    """Add a trained adapter into its base model and write both as one under `folder/merged`.

    The base is read anew at full precision: merging into quantized weights would round the adapter away.
    """
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoTokenizer

    dtype, trust = getattr(torch, model_args.dtype or "float32", torch.float32), args.trust_remote_code
    adapted = AutoPeftModelForCausalLM.from_pretrained(folder, dtype=dtype, trust_remote_code=trust)
    target = str(Path(folder) / "merged")
    adapted.merge_and_unload().save_pretrained(target)
    AutoTokenizer.from_pretrained(folder, trust_remote_code=trust).save_pretrained(target)
    return target
