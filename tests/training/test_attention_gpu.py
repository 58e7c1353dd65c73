"""What only a GPU can show; skipped elsewhere. The rest of the suite runs on a GPU machine, too."""

import inspect

import pytest
import test_training
import torch
from test_training import curve, dataset, recipe, train  # noqa: F401 - a fixture among them

from toolalpaca.training.attention import packed_attention
from toolalpaca.training.prefixes import layout

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_packed_attention_is_that_of_each_conversation_alone(kv_heads, dtype):
    from torch.nn.attention.varlen import varlen_attn

    if kv_heads != 4 and "enable_gqa" not in inspect.signature(varlen_attn).parameters:
        pytest.skip("this PyTorch has no grouped queries in varlen_attn")
    torch.manual_seed(0)
    lengths = [5, 130, 1, 64]
    shapes = [(1, heads, sum(lengths), 64) for heads in (4, kv_heads, kv_heads)]
    given = [torch.randn(shape, dtype=dtype, device="cuda", requires_grad=True) for shape in shapes]
    exact = [x.detach().cpu().double().requires_grad_() for x in given]
    borders = torch.tensor([0, 5, 135, 136, 200], dtype=torch.int32)
    module = torch.nn.Module()
    module.num_key_value_groups, module.is_causal, module.training = 4 // kv_heads, True, True
    results = []
    for tensors, device in ((given, "cuda"), (exact, "cpu")):
        made, _ = packed_attention(
            module, *tensors, None, scaling=0.125, cu_seq_lens_q=borders.to(device), max_length_q=130
        )
        made.backward(torch.linspace(-1, 1, made.numel(), dtype=made.dtype, device=device).view_as(made))
        results.append([made.detach(), *(x.grad for x in tensors)])
    close = 1e-2 if dtype == torch.bfloat16 else 1e-4
    for found, expected in zip(*results, strict=True):
        assert (found.cpu().double() - expected).norm() < close * expected.norm()


@pytest.mark.parametrize("window", [None, 50])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_shared_prefix_is_attended_to_as_on_the_cpu(window, dtype):
    """A prefix of 130 tokens, two conversations that go on from it, and one that stands alone."""
    torch.manual_seed(0)
    made = layout([130, 21, 64, 40], [-1, 0, 0, -1])
    shapes = [(1, heads, 255, 64) for heads in (4, 2, 2)]
    given = [torch.randn(shape, dtype=dtype, device="cuda", requires_grad=True) for shape in shapes]
    exact = [x.detach().cpu().double().requires_grad_() for x in given]
    results = []
    for tensors, device in ((given, "cuda"), (exact, "cpu")):
        places = {
            name: value.to(device) if torch.is_tensor(value) else value
            for name, value in made.items()
            if name != "position_ids"
        }
        output, _ = packed_attention(
            torch.nn.Module(), *tensors, None, scaling=0.125, sliding_window=window, **places
        )
        output.backward(
            torch.linspace(-1, 1, output.numel(), dtype=output.dtype, device=device).view_as(output)
        )
        results.append([output.detach(), *(x.grad for x in tensors)])
    close = 1e-2 if dtype == torch.bfloat16 else 1e-4
    for found, expected in zip(*results, strict=True):
        assert (found.cpu().double() - expected).norm() < close * expected.norm()


def test_a_model_learns_in_bf16_and_the_peak_of_memory_is_told(dataset, tmp_path, capsys):  # noqa: F811
    architecture = {**test_training.RECIPE["architecture"], **test_training.SMALL, "num_key_value_heads": 2}
    settings = {"dataset_name": dataset, "output_dir": str(tmp_path / "out"), "use_cpu": False, "bf16": True}
    assert train(recipe(tmp_path, architecture=architecture, **settings)) == 0
    losses = curve(tmp_path / "out")
    assert losses[6] < losses[1] - 0.3
    assert "peak memory" in capsys.readouterr().out
