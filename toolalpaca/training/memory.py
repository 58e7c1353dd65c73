"""Memory per GPU of a recipe under an accelerate config, from the model on the meta device.

Parameters, gradients and optimizer state are counted tensor by tensor, sharded as FSDP2 does (each
along its first dimension); gradients stay sharded while batches accumulate, for which the recipes set
`sync_each_batch`. Activations are what a decoder layer was seen to keep under bf16 (the head's logits
never exist as a whole: TRL goes over them in tiles). The CUDA context, fragmentation and communication
buffers, some 2 GiB, come on top.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from toolalpaca.schema import ToolAlpacaError

GIB = 2**30
NF4 = 0.5 + 1 / 64 + 4 / 64 / 256  # bytes of a weight: 4 bits, and twice quantized scales of blocks of 64


@dataclass
class Memory:
    """Bytes on one GPU."""

    parameters: float = 0.0
    gradients: float = 0.0
    optimizer: float = 0.0
    working: float = 0.0  # weights in bf16: gathered for the layer at work, or autocast's copies of all
    activations: float = 0.0

    @property
    def total(self) -> float:
        return sum(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        unit, name, digits = (GIB, "GiB", 1) if self.total >= GIB else (2**20, "MiB", 0)
        parts = ", ".join(f"{f.name} {getattr(self, f.name) / unit:.{digits}f}" for f in fields(self))
        return f"{self.total / unit:.{digits}f} {name} per device ({parts})"


@dataclass
class Sharding:
    """How an accelerate config spreads a model: over how many processes, and what stays on the host."""

    processes: int = 1
    kind: str = "NO"  # NO, MULTI_CPU, MULTI_GPU, FSDP or DEEPSPEED
    offload: bool = False

    @property
    def shards(self) -> int:
        return self.processes if self.kind in ("FSDP", "DEEPSPEED") else 1


def read_sharding(path: str | Path) -> Sharding:
    """What matters of an accelerate config file, read by accelerate's own parser.

    Raises:
        ToolAlpacaError: the file is missing, or accelerate does not know a key of it.
    """
    from accelerate.commands.config.config_args import load_config_from_file

    if not Path(path).is_file():
        raise ToolAlpacaError(f"{path} does not exist; accelerate configs are accelerate_configs/*.yaml")
    try:
        config = load_config_from_file(str(path))
    except (ValueError, TypeError, KeyError) as error:
        raise ToolAlpacaError(f"{path}: {error}") from None
    offload = str((config.fsdp_config or {}).get("fsdp_offload_params", False)).lower() == "true"
    return Sharding(config.num_processes, str(config.distributed_type).split(".")[-1], offload)


def meta_model(architecture: Any) -> Any:
    """A model without storage, for a transformers config or a mapping of one."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    if isinstance(architecture, dict):
        architecture = dict(architecture)
        architecture = AutoConfig.for_model(architecture.pop("model_type"), **architecture)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(architecture)
    model.tie_weights()
    return model


def local_size(shape: tuple[int, ...], shards: int) -> int:
    """Elements of a tensor on the first of `shards` processes: FSDP2 cuts along the first dimension."""
    if not shape:
        return 1
    size = -(-shape[0] // shards)
    for extent in shape[1:]:
        size *= extent
    return size


def estimate(
    architecture: Any,
    sharding: Sharding,
    tokens: int,
    dtype_bytes: int = 4,
    lora: dict[str, Any] | None = None,
    quantized: bool = False,
    checkpointing: bool = True,
    every_n_layers: int = 1,
    autocast: bool = True,
) -> Memory:
    """Bytes per GPU of a training step.

    Args:
        architecture: a transformers config, or a mapping with `model_type`.
        tokens: per device and forward pass (per-device batch x length).
        dtype_bytes: of the stored weights: 4 for full fine-tuning, 2 for frozen ones.
        lora: arguments of `peft.LoraConfig`; then only adapters have gradients and optimizer state.
        quantized: linear layers outside the head are nf4.
        checkpointing: layers keep their input alone and are computed again in the backward pass.
        every_n_layers: with `checkpointing`, so many layers to one that does.
        autocast: the arithmetic is bf16, whatever the weights are.
    """
    import torch

    model = meta_model(architecture)
    config = model.config
    four_bit = {
        id(module.weight)
        for name, module in model.named_modules()
        if quantized and isinstance(module, torch.nn.Linear) and not name.endswith("lm_head")
    }
    if lora is not None:
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **lora), autocast_adapter_dtype=False)
    memory, shards = Memory(), sharding.shards
    deepspeed = sharding.kind == "DEEPSPEED"
    for parameter in model.parameters():
        count = local_size(tuple(parameter.shape), shards)
        stored = dtype_bytes
        if lora is not None and parameter.requires_grad:
            stored = 2 if quantized else 4  # peft keeps adapters in float32, TRL those of QLoRA in bf16
        if deepspeed:
            stored = 2  # the float32 copy is the optimizer's
        memory.parameters += count * (NF4 if id(parameter) in four_bit else stored)
        if parameter.requires_grad:
            memory.gradients += count * (2 if deepspeed else stored)
            memory.optimizer += count * (12 if deepspeed else 2 * stored)  # AdamW's moments are of their type
    if sharding.offload:
        memory.parameters = memory.gradients = memory.optimizer = 0.0
    if shards > 1:
        sizes = _layer_sizes(model, config.num_hidden_layers)
        # in bf16: one layer at work and the next on its way; embedding and head are one group
        memory.working = 2 * (2 * sizes[0] + sizes[1])
    # Autocast leaves float32 weights, and with them the residual stream; FSDP and DeepSpeed hand out bf16
    wide = dtype_bytes == 4 and sharding.kind not in ("FSDP", "DEEPSPEED")
    if wide and autocast:  # which keeps a copy of each trained matrix until the forward pass ends
        linear = [module.weight for module in model.modules() if isinstance(module, torch.nn.Linear)]
        memory.working += 2 * sum(weight.numel() for weight in linear if weight.requires_grad)
    every = every_n_layers if checkpointing else None
    memory.activations = _activations(config, tokens, wide, lora is not None, every)
    return memory


def peak() -> list[str]:
    """What this process had allocated on its GPU at most, in words (see `estimate`); nothing on a CPU."""
    import torch

    if not torch.cuda.is_available():
        return []
    return [f"peak memory {torch.cuda.max_memory_allocated() / GIB:.1f} GiB"]


def _layer_sizes(model: Any, layers: int) -> tuple[int, int]:
    """Parameters of one decoder layer, and of everything outside the layers."""
    inside = sum(p.numel() for name, p in model.named_parameters() if ".layers." in name)
    return inside // layers, sum(p.numel() for p in model.parameters()) - inside


def _activations(config: Any, tokens: int, wide: bool, adapted: bool, every: int | None) -> float:
    """Bytes kept for the backward pass: of one layer in `every` its input alone, of others all they need.

    What a layer needs was counted by saved-tensor hooks: of the hidden size 10 numbers of bf16, or 15 where
    the residual stream is float32 (`wide`), then queries, keys, values, their output, and 4 of the MLP's.
    Adapters with dropout (`adapted`) keep each linear layer's input once more, and the mask.
    """
    heads, kv = config.num_attention_heads, config.num_key_value_heads
    head = getattr(config, "head_dim", None) or config.hidden_size // heads
    hidden = ((15 if wide else 10) + 12 * adapted) * config.hidden_size
    layer = 2 * tokens * (hidden + 2 * (heads + kv) * head + (4 + 2 * adapted) * config.intermediate_size)
    layers = config.num_hidden_layers
    again = -(-layers // every) if every else 0
    inputs = (4 if wide else 2) * tokens * config.hidden_size * again
    return float(inputs + layer * (layers - again + bool(again)))
