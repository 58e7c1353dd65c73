"""Attention over packed sequences: `attn_implementation: packed`.

A packed batch is one long row of several conversations. Plain SDPA keeps them apart with a dense mask
and computes every pair of tokens in the row, of which it throws most away. Here each conversation
attends to itself alone: on CUDA in half precision by PyTorch's own variable-length FlashAttention
(torch.nn.attention.varlen, no further package), elsewhere by one causal SDPA call per conversation.
Without sequence borders (generation, padded evaluation) it is plain SDPA.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "packed"


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each conversation of a row.

    Args:
        query: (1, heads, tokens, head_dim); key and value may have fewer heads.
        attention_mask: not used where there are borders: they say the same.
        cu_seq_lens_q: (conversations + 1) positions at which conversations begin, and the end.
        max_length_q: tokens of the longest conversation.

    Returns:
        (1, tokens, heads, head_dim), None
    """
    dropout, window = kwargs.get("dropout", 0.0), kwargs.get("sliding_window")
    if cu_seq_lens_q is None or query.shape[0] != 1 or dropout or window is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        from torch.nn.attention.varlen import varlen_attn

        rows = [x[0].transpose(0, 1).contiguous() for x in (query, key, value)]  # (tokens, heads, head_dim)
        grouped = {"enable_gqa": True} if query.shape[1] != key.shape[1] else {}  # 2.11 knows none
        output = varlen_attn(
            *rows,
            cu_seq_lens_q,
            cu_seq_lens_q,
            max_length_q,
            max_length_q,
            scale=scaling,
            window_size=(-1, 0),
            **grouped,
        )
        return output[None], None
    groups = query.shape[1] // key.shape[1]
    lengths = cu_seq_lens_q.diff().tolist()
    pieces = [x.split(lengths, dim=2) for x in (query, repeat_kv(key, groups), repeat_kv(value, groups))]
    outputs = [
        scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling)
        for q, k, v in zip(*pieces, strict=True)
    ]
    return torch.cat(outputs, dim=2).transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, packed_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
