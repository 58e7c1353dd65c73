"""Attention over packed sequences: `attn_implementation: packed`.

A packed batch is one long row of several conversations. Plain SDPA keeps them apart with a dense mask
and computes every pair of tokens in the row, of which it throws most away. Here each conversation
attends to itself alone: on CUDA in half precision by PyTorch's own variable-length FlashAttention
(torch.nn.attention.varlen, no further package), elsewhere by matrix products (tiles.py).
Without sequence borders (generation, padded evaluation) it is plain SDPA.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from toolalpaca.schema import ToolAlpacaError
from toolalpaca.training.tiles import Segment, TiledAttention

NAME = "packed"
REPORT: set[str] = set()  # the ways that attention has taken in this process


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    cu_seq_lens_k: torch.Tensor | None = None,
    max_length_q: int | None = None,
    max_length_k: int | None = None,
    key_index: torch.Tensor | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each segment of a row, and to the segment that it continues.

    Args:
        query: (1, heads, tokens, head_dim); key and value may have fewer heads.
        attention_mask: not used where there are borders: they say the same.
        cu_seq_lens_q: (segments + 1) positions at which segments begin, and the end.
        max_length_q: tokens of the longest segment.
        key_index: (keys) for each segment, one after the other, the tokens that it attends to: those of the
            prefix that it continues, then its own (prefixes.layout). Without it a segment stands alone.
        cu_seq_lens_k: (segments + 1) borders of `key_index`; max_length_k: the most tokens of one.

    Returns:
        (1, tokens, heads, head_dim), None
    """
    dropout, window = kwargs.get("dropout", 0.0), kwargs.get("sliding_window")
    if cu_seq_lens_q is None or query.shape[0] != 1 or dropout:
        if key_index is not None:
            raise ToolAlpacaError("shared_prefix needs attention without dropout; set shared_prefix to 0")
        REPORT.add("sdpa, not packed")
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    # Rotary embeddings are float32 where the weights are: under autocast they make queries and keys so too.
    kind = query.device.type
    if torch.is_autocast_enabled(kind):
        query, key, value = (x.to(torch.get_autocast_dtype(kind)) for x in (query, key, value))
    if key_index is None:
        cu_seq_lens_k, max_length_k = cu_seq_lens_q, max_length_q
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        REPORT.add("variable-length FlashAttention")
        if key_index is not None:
            key, value = key.index_select(2, key_index), value.index_select(2, key_index)
        lengths = (cu_seq_lens_q, cu_seq_lens_k, max_length_q, max_length_k)
        return _varlen(query, key, value, scaling, window, *lengths)
    REPORT.add("matrix products by tiles")
    segments = _segments(cu_seq_lens_q, cu_seq_lens_k, key_index)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    output = TiledAttention.apply(query[0], key[0], value[0], segments, scale, window)
    return output.transpose(0, 1)[None].contiguous(), None


def _segments(
    borders: torch.Tensor, key_borders: torch.Tensor, key_index: torch.Tensor | None
) -> list[Segment]:
    starts, keys = borders.tolist(), key_borders.diff().tolist()
    first = starts if key_index is None else key_index[key_borders[:-1].long()].tolist()
    return [
        (start, end, prefix, prefix + seen - (end - start))
        for start, end, prefix, seen in zip(starts, starts[1:], first, keys, strict=False)
    ]


def _varlen(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    window: int | None,
    cu_seq_lens_q: torch.Tensor,
    cu_seq_lens_k: torch.Tensor,
    max_length_q: int,
    max_length_k: int,
) -> tuple[torch.Tensor, None]:
    from torch.nn.attention.varlen import varlen_attn

    if query.shape[1] != key.shape[1] and "enable_gqa" not in inspect.signature(varlen_attn).parameters:
        groups = query.shape[1] // key.shape[1]  # PyTorch 2.11 knows no grouped queries there
        key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    rows = [x[0].transpose(0, 1).contiguous() for x in (query, key, value)]  # (tokens, heads, head_dim)
    grouped = {"enable_gqa": True} if query.shape[1] != key.shape[1] else {}
    # With fewer queries than keys the causal diagonal ends in the last of both, as a continuation wants it.
    output = varlen_attn(
        *rows,
        cu_seq_lens_q,
        cu_seq_lens_k,
        max_length_q,
        max_length_k,
        scale=scaling,
        window_size=(-1 if window is None else window - 1, 0),
        **grouped,
    )
    return output[None], None


AttentionInterface.register(NAME, packed_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
