"""Norms and MLPs that keep less for the backward pass: the same losses and gradients."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from toolalpaca.training.lean import make_lean

SHAPE = {"vocab_size": 64, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
SHAPE |= {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}


def step(model: torch.nn.Module, ids: torch.Tensor, half: bool) -> tuple[float, list[torch.Tensor], int]:
    """Loss, gradients, and bytes kept for the backward pass beside the weights."""
    weights = {p.data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    model.zero_grad()
    with (
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=half),
    ):
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    loss.backward()
    return loss.item(), [p.grad.clone() for p in model.parameters()], sum(kept.values())


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("kind", ["llama", "gemma3_text"])
def test_a_lean_model_learns_the_same_from_less_memory(kind: str, half: bool) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SHAPE)).train()
    ids = torch.randint(0, 64, (1, 96))
    loss, gradients, kept = step(model, ids, half)
    make_lean(model)
    lean_loss, lean_gradients, lean_kept = step(model, ids, half)
    assert lean_loss == pytest.approx(loss, rel=1e-3 if half else 1e-6)
    for ours, theirs in zip(lean_gradients, gradients, strict=True):
        assert (ours - theirs).norm() <= (2e-2 if half else 1e-5) * theirs.norm()
    assert lean_kept < 0.8 * kept
