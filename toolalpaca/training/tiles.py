"""Exact attention on the CPU by matrix products, tile by tile, in memory that does not grow with the keys.

SDPA's CPU kernel computes in float32 whatever it is given. Products of a tile's queries and keys are twice as
fast where the processor multiplies bf16, and a tenth faster in float32. Scores are computed again in the
backward pass (Dao et al., 2022, "FlashAttention"), so that only queries, keys and values are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

TILE = 256  # queries at a time: their scores stay in the processor's cache, little of the triangle is wasted

Segment = tuple[int, int, int, int]  # its first token and the one behind its last, those of its prefix


class TiledAttention(torch.autograd.Function):
    """Causal attention of segments, each to the tokens of its prefix and to its own.

    `apply(query, key, value, segments, scale, window)`: query is (heads, tokens, head_dim), key and value
    (kv_heads, tokens, head_dim), all of one dtype; a segment that stands alone has an empty prefix; `window`
    is how many tokens back a query sees, itself included, or None. Returns (heads, tokens, head_dim).
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        segments: Sequence[Segment],
        scale: float,
        window: int | None,
    ) -> torch.Tensor:
        ctx.save_for_backward(query, key, value)
        ctx.given = segments, scale, window
        output = torch.empty_like(query)
        with torch.autocast(query.device.type, enabled=False):
            for tile in _tiles(query, key, value, segments, scale, window):
                tile.rows(output).copy_(_ungrouped(torch.bmm(tile.weights, tile.values), output))
        return output

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value = ctx.saved_tensors
        segments, scale, window = ctx.given
        queries = torch.empty_like(query)
        # Sums over the many segments that continue a prefix: bf16 would lose the small ones
        keys, values = (torch.zeros(key.shape, dtype=torch.float32, device=key.device) for _ in range(2))
        with torch.autocast(query.device.type, enabled=False):
            for tile in _tiles(query, key, value, segments, scale, window):
                given = _grouped(tile.rows(gradient), key.shape[0])
                of_weights = torch.bmm(given, tile.values.transpose(1, 2))
                of_scores = torch.ops.aten._softmax_backward_data(of_weights, tile.weights, -1, query.dtype)
                of_queries = torch.bmm(of_scores, tile.keys).mul_(scale)
                tile.rows(queries).copy_(_ungrouped(of_queries, queries))
                # The tile's queries carry the scale already
                tile.add(keys, torch.bmm(of_scores.transpose(1, 2), tile.queries))
                tile.add(values, torch.bmm(tile.weights.transpose(1, 2), given))
        return queries, keys.to(key.dtype), values.to(value.dtype), None, None, None


@dataclass
class _Tile:
    """Some queries of a segment, and the keys that they see; heads that share keys are rows of one matrix."""

    queries: torch.Tensor  # (kv_heads, rows, head_dim), scaled
    keys: torch.Tensor  # (kv_heads, seen, head_dim)
    values: torch.Tensor
    weights: torch.Tensor  # (kv_heads, rows, seen)
    where: slice  # of the queries in the row
    seen: list[slice]  # of the keys in the row, in order

    def rows(self, all_heads: torch.Tensor) -> torch.Tensor:
        return all_heads[:, self.where]

    def add(self, total: torch.Tensor, part: torch.Tensor) -> None:
        at = 0
        for place in self.seen:
            size = place.stop - place.start
            total[:, place] += part[:, at : at + size]
            at += size


def _tiles(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    segments: Sequence[Segment],
    scale: float,
    window: int | None,
) -> Iterator[_Tile]:
    for start, end, prefix, prefix_end in segments:
        before = prefix_end - prefix
        if before:
            places = (slice(prefix, prefix_end), slice(start, end))
            own_keys, own_values = (torch.cat([x[:, place] for place in places], dim=1) for x in (key, value))
        else:
            own_keys, own_values = key[:, start:end], value[:, start:end]
        for first in range(start, end, TILE):
            last = min(first + TILE, end)
            position, behind = before + first - start, before + last - start  # of queries among the keys
            low = 0 if window is None else max(0, position - window + 1)
            queries = _grouped(query[:, first:last], key.shape[0]) * scale
            keys, values = own_keys[:, low:behind], own_values[:, low:behind]
            scores = torch.bmm(queries, keys.transpose(1, 2))
            _mask(scores.unflatten(1, (-1, last - first)), position - low, window)
            seen = [slice(prefix + low, prefix_end)] if low < before else []
            seen.append(slice(start + max(0, low - before), last))
            yield _Tile(queries, keys, values, torch.softmax(scores, -1), slice(first, last), seen)


def _mask(scores: torch.Tensor, position: int, window: int | None) -> None:
    """Hide what a query must not see from scores (kv_heads, heads of each, queries, seen), in place.

    `position` is that of the first query among the keys.
    """
    queries, seen = scores.shape[-2:]
    later = torch.ones(queries, seen - position, dtype=torch.bool, device=scores.device).triu(1)
    scores[..., position:].masked_fill_(later, float("-inf"))
    if window is not None and position + queries > window:
        gone = torch.ones(queries, seen, dtype=torch.bool, device=scores.device).tril(position - window)
        scores.masked_fill_(gone, float("-inf"))


def _grouped(rows: torch.Tensor, kv_heads: int) -> torch.Tensor:
    """(heads, tokens, head_dim) -> (kv_heads, heads of each * tokens, head_dim)"""
    return rows.reshape(kv_heads, -1, rows.shape[-1])


def _ungrouped(rows: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return rows.reshape(like.shape[0], -1, like.shape[-1])
