"""Conversations that share their beginning in a pack: the same losses and gradients as rows of their own."""

from __future__ import annotations

import random

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from toolalpaca.training import attention
from toolalpaca.training.masks import IGNORED
from toolalpaca.training.prefixes import Collator, group, layout, pack, row_of

VOCABULARY = 97


def model(heads: int = 4, kv_heads: int = 2, window: int | None = None) -> torch.nn.Module:
    """A Llama, or with a window a Mistral, whose attention sees only so many tokens back."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "mistral" if window else "llama",
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        **({"sliding_window": window} if window else {}),
    )
    return AutoModelForCausalLM.from_config(config, attn_implementation=attention.NAME)


def conversations(rng: random.Random, tools: int = 3, each: int = 5) -> list[tuple]:
    made = []
    for tool in range(tools):
        prefix = [rng.randrange(VOCABULARY) for _ in range(40 + 7 * tool)]
        for _ in range(each):
            said = [rng.randrange(VOCABULARY) for _ in range(rng.randrange(6, 30))]
            ids = prefix + said
            labels = [IGNORED] * (len(prefix) + 3) + said[3:]
            made.append((ids, labels, tool))
    return made


def loss_of(network, inputs) -> torch.Tensor:
    labels = inputs["labels"]
    given = {name: value for name, value in inputs.items() if name != "labels"}
    logits = network(**given, use_cache=False).logits
    return torch.nn.functional.cross_entropy(
        logits[0, :-1].float(), labels[0, 1:], ignore_index=IGNORED, reduction="sum"
    )


@pytest.mark.parametrize("kind", ["float32", "bf16"])
@pytest.mark.parametrize("most", [2, 5])
@pytest.mark.parametrize("window", [None, 24])
def test_loss_and_gradients_are_those_of_separate_rows(kind, most, window):
    examples = conversations(random.Random(1))
    network = model(window=window)

    def run(batches) -> tuple[float, list[torch.Tensor]]:
        network.zero_grad()
        total = torch.zeros(())
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bf16"):
            for batch in batches:
                total = total + loss_of(network, batch)
        total.backward()
        return total.item(), [p.grad.clone() for p in network.parameters()]

    alone = [
        {"input_ids": torch.tensor([ids]), "labels": torch.tensor([labels]), **layout([len(ids)], [-1])}
        for ids, labels, _ in examples
    ]
    rows = [row_of(inside) for inside in pack(group(examples, most, 256), 256)]
    assert sum(len(row["input_ids"]) for row in rows) < 0.75 * sum(len(ids) for ids, _, _ in examples)
    expected, wanted = run(alone)
    found, got = run([Collator()(rows[:2])] + [Collator()([row]) for row in rows[2:]])
    near = 1e-4 if kind == "float32" else 2e-2
    assert found == pytest.approx(expected, rel=near)
    for one, other in zip(got, wanted, strict=True):
        assert (one - other).norm() <= near * other.norm()


def test_every_conversation_is_there_once_and_groups_are_bounded():
    examples = conversations(random.Random(2), tools=4, each=9)
    groups = group(examples, 4, 200, seed=3)
    assert all(len(g.rests) <= 4 and g.tokens <= 200 for g in groups)
    found = sorted((g.prefix + ids) for g in groups for ids, _ in g.rests)
    assert found == sorted(ids for ids, _, _ in examples)
    assert group(examples, 4, 200, seed=3) == groups and group(examples, 4, 200, seed=4) != groups
    rows = pack(groups, 200)
    assert sum(map(len, rows)) == len(groups)
    assert all(sum(g.tokens for g in row) <= 200 for row in rows)


def test_nothing_trained_is_shared_and_what_differs_early_stands_alone():
    same = list(range(50))
    trained = [(same, [IGNORED] * 20 + same[20:], 0), (same, [IGNORED] * 20 + same[20:], 0)]
    assert all(not g.prefix for g in group(trained, 8, 200)), "twenty tokens are not worth sharing"
    long = [([*same, 1, 2, 3], [IGNORED] * 45 + same[45:] + [1, 2, 3], 0)] * 2
    (one,) = group(long, 8, 200)
    assert len(one.prefix) == 44 and len(one.rests) == 2


def test_a_shared_prefix_under_dropout_is_refused():
    from toolalpaca.schema import ToolAlpacaError

    q = torch.zeros(1, 2, 4, 8)
    given = {"cu_seq_lens_q": torch.tensor([0, 2, 4], dtype=torch.int32), "key_index": torch.arange(4)}
    with pytest.raises(ToolAlpacaError, match="shared_prefix"):
        attention.packed_attention(torch.nn.Module(), q, q, q, None, **given, dropout=0.1)
