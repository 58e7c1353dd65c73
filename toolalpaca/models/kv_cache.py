"""Keys and values of a batch of conversations: room to grow, batches joined, and what can be used again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

ROOM = 64  # tokens that a cache has room for beyond what it holds
SHARED = 16  # tokens that a prompt must share with an earlier conversation for its cache to be worth a copy
KEPT_BYTES = 1 << 30  # of the caches of conversations that may go on; on a GPU a quarter of its free memory

# Of one conversation: keys and values [heads, tokens, head_dim] of each layer
KeysValues = list[tuple[torch.Tensor, torch.Tensor]]


class RoomyLayer(DynamicLayer):
    """Keys and values of every token, with room for more: a token is written, not everything copied.

    `keys` and `values` [rows, heads, tokens, head_dim] may be exchanged from outside at any time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._room: list[torch.Tensor] = []
        self._shown: torch.Tensor | None = None  # the keys that are a part of the room

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append; returns all keys and values."""
        if not self.is_initialized:
            return super().update(key_states, value_states, *args, **kwargs)
        held, total = self.keys.shape[-2], self.keys.shape[-2] + key_states.shape[-2]
        if self._shown is not self.keys or self._room[0].shape[-2] < total:
            self._room = [
                torch.nn.functional.pad(old, (0, 0, 0, total - held + ROOM))
                for old in (self.keys, self.values)
            ]
        for room, new in zip(self._room, (key_states, value_states), strict=True):
            room[:, :, held:total] = new
        self.keys, self.values = (room[:, :, :total] for room in self._room)
        self._shown = self.keys
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Only keep these rows, and the room that they have."""
        if self._shown is not self.keys or self._shown is None:
            return super().batch_select_indices(indices)
        total = self.keys.shape[-2]
        self._room = [room[indices] for room in self._room]
        self.keys, self.values = (room[:, :, :total] for room in self._room)
        self._shown = self.keys
        return None


class Conversations:
    """Keys and values of replies that ended, for prompts that begin with the same tokens.

    The next step of an episode repeats everything before it, and the tasks of one tool share its
    documentation. The least recently used conversations go when there are more than `limit` bytes.
    """

    def __init__(self, limit: int):
        self.limit, self.size = limit, 0
        self._held: OrderedDict[int, tuple[np.ndarray, KeysValues]] = OrderedDict()
        self._count = 0

    def add(self, ids: list[int], layers: KeysValues) -> None:
        """`layers`: keys and values [heads, tokens, head_dim] of the first tokens of `ids`."""
        size = _bytes(layers)
        if size > self.limit:
            return
        self._count += 1
        self._held[self._count] = np.array(ids[: layers[0][0].shape[1]]), layers
        self.size += size
        while self.size > self.limit:
            self.size -= _bytes(self._held.popitem(last=False)[1][1])

    def longest(self, ids: list[int]) -> tuple[int, KeysValues]:
        """How many tokens of a prompt need not be computed, and their conversation's keys and values.

        At least the last token of the prompt is left: its logits are what is wanted.
        """
        asked, best, found = np.array(ids[:-1]), SHARED - 1, 0
        for name, (held, _) in self._held.items():
            if len(held) > best and (shared := common_length(asked, held)) > best:
                best, found = shared, name
        if not found:
            return 0, []
        self._held.move_to_end(found)
        return best, self._held[found][1]

    def clear(self) -> None:
        """Give the memory back."""
        self._held.clear()
        self.size = 0


def common_length(one: Sequence[int] | np.ndarray, other: Sequence[int] | np.ndarray) -> int:
    """With how many tokens two prompts begin alike."""
    width = min(len(one), len(other))
    differ = np.asarray(one[:width]) != np.asarray(other[:width])
    return int(differ.argmax()) if differ.any() else width


def bytes_per_token(model: Any) -> int:
    """Keys and values of one token over all layers."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * config.num_hidden_layers * heads * width * model.dtype.itemsize


def _bytes(layers: KeysValues) -> int:
    return sum(part.numel() * part.element_size() for layer in layers for part in layer)


def close_up(mask: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
    """Move a batch's tokens to the right end of their rows, so that all padding is on the left; the mask."""
    counts = mask.sum(1)
    width = int(counts.max())
    # Stable: tokens keep their order, and padding stands before them
    order = mask.argsort(dim=1, stable=True)[:, -width:]  # (rows, width)
    for layer in cache.layers:
        index = order[:, None, :, None].expand(-1, layer.keys.shape[1], -1, layer.keys.shape[3])
        layer.keys, layer.values = layer.keys.gather(2, index), layer.values.gather(2, index)
    return mask.gather(1, order)


def stack(
    mask: torch.Tensor, cache: DynamicCache, new_mask: torch.Tensor, new_cache: DynamicCache
) -> tuple[torch.Tensor, DynamicCache]:
    """Two batches as one, the narrower one padded on the left."""
    width = max(mask.shape[1], new_mask.shape[1])
    pad = torch.nn.functional.pad
    left, new_left = width - mask.shape[1], width - new_mask.shape[1]
    for layer, new in zip(cache.layers, new_cache.layers, strict=True):
        for name in ("keys", "values"):
            old, added = getattr(layer, name), getattr(new, name)
            setattr(layer, name, torch.cat([pad(old, (0, 0, left, 0)), pad(added, (0, 0, new_left, 0))]))
    return torch.cat([pad(mask, (left, 0)), pad(new_mask, (new_left, 0))]), cache
