"""benchmarks/train_gpu.py where there is no GPU: its tiny shape, its count of FLOPs, and what it fits in."""

import runpy
import sys
from pathlib import Path

import pytest
import yaml

from toolalpaca.schema import ToolAlpacaError

ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "benchmarks" / "train_gpu.py")
VICUNA = yaml.safe_load((ROOT / "recipes/architectures.yaml").read_text())["lmsys/vicuna-7b-v1.5"]
GIB = 2**30


@pytest.fixture(scope="module")
def benchmark() -> dict:
    return runpy.run_path(SCRIPT)


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_the_tiny_shape_trains_on_the_cpu(kind, monkeypatch, capsys):
    command = [SCRIPT, kind, "--device", "cpu", "--shape", "tiny", "--steps", "1", "--tokens", "600"]
    monkeypatch.setattr(sys, "argv", [*command, "--recompute", "2", "--peak", "1"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(SCRIPT, run_name="__main__")
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for part in ("tokens/s", "trained tokens/s", "TFLOPS", "utilisation", "of 1", "one layer in 2"):
        assert part in told


def test_flops_are_those_that_pytorch_counts(benchmark):
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoConfig, AutoModelForCausalLM

    shape, tokens, trained = benchmark["TINY"], 48, 11
    config = AutoConfig.for_model(**shape)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with FlopCounterMode(display=False) as counter:
        hidden = model.model(torch.zeros(1, tokens, dtype=torch.long)).last_hidden_state
        model.lm_head(hidden[:, :trained]).sum().backward()
    # eager attention computes all pairs of tokens, the causal half is counted
    pairs = tokens * tokens - tokens * (tokens + 1) / 2
    beyond = 12 * shape["num_hidden_layers"] * shape["hidden_size"] * pairs
    reckoned = benchmark["model_flops"](shape, "full", [tokens], trained)
    assert reckoned + beyond == pytest.approx(counter.get_total_flops(), rel=0.01)
    assert benchmark["model_flops"](shape, "lora", [tokens], trained) < reckoned
    two = benchmark["model_flops"](shape, "full", [tokens // 2] * 2, trained)
    assert two < reckoned  # conversations of a row do not see each other


def test_rows_hold_whole_conversations_and_never_more_than_asked(benchmark):
    packs = benchmark["pack"](2500, 9, 512, None)
    assert len(packs) == 9
    for row in packs:
        assert len(row["input_ids"]) == len(row["labels"]) == sum(row["seq_lengths"]) <= 2500


@pytest.mark.parametrize(
    ("kind", "dtype", "gib", "every"),
    [("full", "float32", 139, 0), ("full", "bfloat16", 79, 4), ("lora", "bfloat16", 79, 0)],
)
def test_layers_compute_twice_only_where_memory_asks_for_it(benchmark, monkeypatch, kind, dtype, gib, every):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", str(dtype == "float32"))
    assert benchmark["choose_recompute"](kind, VICUNA, dtype, 4096, gib * GIB) == every


def test_a_card_that_is_too_small_is_named_before_anything_is_built(benchmark, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(ToolAlpacaError, match="--dtype bfloat16"):
        benchmark["choose_recompute"]("full", VICUNA, "float32", 4096, 79 * GIB)
