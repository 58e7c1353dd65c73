"""Attention by tiles: SDPA's numbers and gradients, with prefixes, grouped heads and windows."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from toolalpaca.training import tiles

# A prefix of 40 tokens, two conversations that go on from it, one that stands alone
SEGMENTS = [(0, 40, 0, 0), (40, 61, 0, 40), (61, 100, 0, 40), (100, 133, 100, 100)]


def reference(query, key, value, scale, window):
    """SDPA over the whole row, with a mask that says who sees whom."""
    tokens, heads = query.shape[1], query.shape[0] // key.shape[0]
    position, allowed = torch.zeros(tokens, dtype=torch.long), torch.zeros(tokens, tokens, dtype=torch.bool)
    for start, end, prefix, prefix_end in SEGMENTS:
        position[start:end] = torch.arange(prefix_end - prefix, prefix_end - prefix + end - start)
        allowed[start:end, prefix:prefix_end] = allowed[start:end, start:end] = True
    back = position[:, None] - position[None]
    allowed &= (back >= 0) & (back < (window or tokens))
    key, value = (x.repeat_interleave(heads, 0) for x in (key, value))
    return scaled_dot_product_attention(query, key, value, attn_mask=allowed, scale=scale)


@pytest.mark.parametrize("tile", [7, 64, 256])
@pytest.mark.parametrize("window", [None, 9, 45])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
def test_tiles_give_the_attention_and_gradients_of_sdpa(monkeypatch, tile, window, dtype, tolerance):
    monkeypatch.setattr(tiles, "TILE", tile)
    torch.manual_seed(0)
    given = [torch.randn(heads, 133, 16, requires_grad=True) for heads in (6, 2, 2)]
    rounded = [x.detach().to(dtype).requires_grad_() for x in given]
    exact = [x.detach().float().requires_grad_() for x in rounded]
    weight = torch.randn(6, 133, 16)
    made = tiles.TiledAttention.apply(*rounded, SEGMENTS, 0.3, window)
    wanted = reference(*exact, 0.3, window)
    assert made.dtype == dtype
    (made.float() * weight).sum().backward()
    (wanted * weight).sum().backward()
    assert torch.allclose(made.float(), wanted, atol=tolerance)
    for ours, theirs in zip(rounded, exact, strict=True):
        worst = (ours.grad.float() - theirs.grad).abs().max() / theirs.grad.abs().max()
        assert worst < tolerance


def test_only_queries_keys_and_values_are_kept_for_the_backward_pass():
    kept = []
    query, key = (torch.randn(heads, 600, 16, requires_grad=True) for heads in (4, 2))
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
        tiles.TiledAttention.apply(query, key, key, [(0, 600, 0, 0)], 0.25, None).sum().backward()
    assert sorted(kept)[-1] == query.numel() and sum(kept) <= 2 * query.numel()
