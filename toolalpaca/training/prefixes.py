"""Conversations of one tool share their beginning: it stands in a pack once, and each continues from it.

A tool's documentation is most of a conversation's tokens. In a group the common beginning (the prefix) is one
segment of the row and each conversation's own rest (a continuation) another, whose positions go on from the
prefix and whose attention sees the prefix and itself alone: losses and gradients are those of separate rows.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolalpaca.training.masks import IGNORED

if TYPE_CHECKING:
    from datasets import Dataset

LEAST_PREFIX = 32  # tokens that are worth sharing


@dataclass
class Group:
    """Conversations with one prefix; `prefix` is empty where one stands alone."""

    prefix: list[int]
    rests: list[tuple[list[int], list[int]]]  # ids and labels of each conversation beyond the prefix

    @property
    def tokens(self) -> int:
        return len(self.prefix) + sum(len(ids) for ids, _ in self.rests)


def group(
    examples: Iterable[tuple[list[int], list[int], Any]], most: int, max_length: int, seed: int = 0
) -> list[Group]:
    """Groups of at most `most` conversations and `max_length` tokens, in a shuffled order.

    Args:
        examples: ids, labels and a key; only conversations of one key are compared.
    """
    rng = random.Random(seed)
    by_key: dict[Any, list[tuple[list[int], list[int]]]] = defaultdict(list)
    for ids, labels, key in examples:
        by_key[key].append((ids, labels))
    groups: list[Group] = []
    for alike in by_key.values():
        rng.shuffle(alike)
        shared = _common(alike)
        if len(alike) < 2 or shared < LEAST_PREFIX or most < 2:
            groups += [Group([], [one]) for one in alike]
            continue
        prefix = alike[0][0][:shared]
        now: list[tuple[list[int], list[int]]] = []
        size = shared
        for ids, labels in alike:
            rest = (ids[shared:], labels[shared:])
            if now and (len(now) == most or size + len(rest[0]) > max_length):
                groups.append(Group(prefix, now))
                now, size = [], shared
            now.append(rest)
            size += len(rest[0])
        groups.append(Group(prefix, now))
    rng.shuffle(groups)
    return groups


def _common(alike: list[tuple[list[int], list[int]]]) -> int:
    """Tokens with which all begin, none of them trained, and of which none takes all of a conversation."""
    first = alike[0][0]
    shared = min(len(ids) for ids, _ in alike) - 1
    for ids, labels in alike:
        at = next((i for i in range(shared) if ids[i] != first[i]), shared)
        trained = next((i for i, label in enumerate(labels[: at + 1]) if label != IGNORED), at + 1)
        shared = min(at, trained - 1)  # what is trained first is predicted by a token of its own rest
    return max(shared, 0)


def pack(groups: list[Group], max_length: int) -> list[list[Group]]:
    """Groups laid into rows of at most `max_length` tokens: the longest first, each where it fits best."""
    rows: list[tuple[int, list[Group]]] = []  # room left, groups
    for one in sorted(groups, key=lambda g: -g.tokens):
        fitting = [i for i, (room, _) in enumerate(rows) if room >= one.tokens]
        if fitting:
            best = min(fitting, key=lambda i: rows[i][0])
            room, inside = rows[best]
            rows[best] = (room - one.tokens, [*inside, one])
        else:
            rows.append((max_length - one.tokens, [one]))
    return [inside for _, inside in rows]


def row_of(groups: list[Group]) -> dict[str, list[int]]:
    """A pack as a row: `input_ids`, `labels`, `segments` (lengths), `prefix_of` (its prefix or -1)."""
    ids: list[int] = []
    labels: list[int] = []
    segments: list[int] = []
    prefix_of: list[int] = []
    for one in groups:
        at = -1
        if one.prefix:
            at = len(segments)
            ids += one.prefix
            labels += [IGNORED] * len(one.prefix)
            segments.append(len(one.prefix))
            prefix_of.append(-1)
        for own, wanted in one.rests:
            ids += own
            labels += [
                IGNORED,
                *wanted[1:],
            ]  # its first is predicted by nothing in the row
            segments.append(len(own))
            prefix_of.append(at)
    return {"input_ids": ids, "labels": labels, "segments": segments, "prefix_of": prefix_of}


def shared_dataset(train: Dataset, most: int, max_length: int, seed: int) -> Dataset:
    """The rows that a trainer sees: packs of groups of a tokenized dataset, tool by tool."""
    from datasets import Dataset as Rows

    examples = (
        (row["input_ids"], row["labels"], (row["messages"][0]["content"], str(row.get("tools"))))
        for row in train
    )
    packs = pack(group(examples, most, max_length, seed), max_length)
    random.Random(seed).shuffle(packs)
    return Rows.from_list([row_of(inside) for inside in packs])


class Collator:
    """Rows of `shared_dataset` as one batch of one long row.

    Returns `input_ids`, `labels` and `position_ids` (1, tokens); `cu_seq_lens_q`, borders of the segments
    (segments + 1); and where a prefix is shared `key_index` (keys), the tokens that the segments' keys are
    taken from, with their own borders `cu_seq_lens_k`.
    """

    def __call__(self, rows: list[dict[str, list[int]]]) -> dict[str, Any]:
        import torch

        ids = [token for row in rows for token in row["input_ids"]]
        labels = [label for row in rows for label in row["labels"]]
        lengths = [length for row in rows for length in row["segments"]]
        prefixes, offset = [], 0
        for row in rows:
            prefixes += [-1 if p < 0 else p + offset for p in row["prefix_of"]]
            offset += len(row["segments"])
        return {
            "input_ids": torch.tensor([ids]),
            "labels": torch.tensor([labels]),
            **layout(lengths, prefixes),
        }


def layout(lengths: list[int], prefix_of: list[int]) -> dict[str, Any]:
    """Positions and borders of segments; see `Collator`."""
    import torch

    starts = [0]
    for length in lengths:
        starts.append(starts[-1] + length)
    positions, keys, key_lengths = [], [], []
    for number, length in enumerate(lengths):
        prefix = prefix_of[number]
        before = lengths[prefix] if prefix >= 0 else 0
        positions.append(torch.arange(before, before + length))
        if prefix >= 0:
            keys.append(torch.arange(starts[prefix], starts[prefix + 1]))
        keys.append(torch.arange(starts[number], starts[number + 1]))
        key_lengths.append(before + length)
    made: dict[str, Any] = {
        "position_ids": torch.cat(positions)[None],
        "cu_seq_lens_q": torch.tensor(starts, dtype=torch.int32),
        "max_length_q": max(lengths),
    }
    borders = torch.tensor([0, *key_lengths]).cumsum(0).to(torch.int32)
    made |= {"cu_seq_lens_k": borders, "max_length_k": max(key_lengths)}
    if any(p >= 0 for p in prefix_of):
        made["key_index"] = torch.cat(keys)
    return made
