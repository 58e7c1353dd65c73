"""Attention over packed sequences: `attn_implementation: packed`.

A packed batch is one long row of several conversations. Plain SDPA keeps them apart with a dense mask
and computes every pair of tokens in the row, of which it throws most away. Here each conversation
attends to itself alone: on CUDA in half precision by PyTorch's own variable-length FlashAttention
(torch.nn.attention.varlen, no further package), elsewhere by one causal SDPA call per conversation.
Without sequence borders (generation, padded evaluation) it is plain SDPA.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from toolalpaca.schema import ToolAlpacaError

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
    if cu_seq_lens_q is None or query.shape[0] != 1 or dropout or window is not None:
        if key_index is not None:
            raise ToolAlpacaError(
                "shared_prefix needs attention without dropout and sliding windows; set shared_prefix to 0"
            )
        REPORT.add("sdpa, not packed")
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    # Rotary embeddings are float32 where the weights are: under autocast they make queries and keys so too.
    kind = query.device.type
    if torch.is_autocast_enabled(kind):
        query, key, value = (x.to(torch.get_autocast_dtype(kind)) for x in (query, key, value))
    if key_index is not None:
        key, value = key.index_select(2, key_index), value.index_select(2, key_index)
    else:
        cu_seq_lens_k, max_length_k = cu_seq_lens_q, max_length_q
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        REPORT.add("variable-length FlashAttention")
        return _varlen(query, key, value, scaling, cu_seq_lens_q, cu_seq_lens_k, max_length_q, max_length_k)
    REPORT.add("SDPA, one segment at a time")
    lengths, key_lengths = cu_seq_lens_q.diff().tolist(), cu_seq_lens_k.diff().tolist()
    pieces = zip(
        query.split(lengths, dim=2),
        key.split(key_lengths, dim=2),
        value.split(key_lengths, dim=2),
        strict=True,
    )
    outputs = [_segment(q, k, v, scaling) for q, k, v in pieces]
    return torch.cat(outputs, dim=2).transpose(1, 2).contiguous(), None


def _segment(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None
) -> torch.Tensor:
    """Attention of one segment, (1, heads, tokens, head_dim), to as many earlier keys and its own.

    A segment that stands alone goes through SDPA. The CPU's SDPA takes several times as long for the gradient
    of one that sees more keys than it has queries as two matrix products do, so such a one is written out;
    queries of one group of heads are one matrix.
    """
    _, heads, tokens, width = query.shape
    groups, keys = heads // key.shape[1], key.shape[2]
    if tokens == keys:
        key, value = repeat_kv(key, groups), repeat_kv(value, groups)
        return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling)
    scale = width**-0.5 if scaling is None else scaling
    if torch.is_grad_enabled():  # its shares would be kept for the gradient: eight times what flash keeps
        return checkpoint(_written_out, query, key, value, scale, use_reentrant=False)
    return _written_out(query, key, value, scale)


def _written_out(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float) -> torch.Tensor:
    _, heads, tokens, width = query.shape
    groups, keys = heads // key.shape[1], key.shape[2]
    rows = query[0].reshape(key.shape[1], groups * tokens, width) * scale
    scores = (rows @ key[0].transpose(1, 2)).view(-1, groups, tokens, keys)
    later = torch.ones(tokens, keys, dtype=torch.bool, device=query.device).triu(keys - tokens + 1)
    shares = scores.masked_fill(later, float("-inf")).softmax(-1, dtype=torch.float32).to(value.dtype)
    out = shares.view(key.shape[1], groups * tokens, keys) @ value[0]
    return out.view(1, heads, tokens, width)


def _varlen(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
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
        window_size=(-1, 0),
        **grouped,
    )
    return output[None], None


AttentionInterface.register(NAME, packed_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
