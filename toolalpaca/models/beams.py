"""Beam search with a transformers model: several replies grow side by side, the likeliest one is given."""

from __future__ import annotations

import contextlib
import queue
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from toolalpaca.models.batching import Decoder, Row, less_likely, tell
from toolalpaca.models.boundary import ModelFailure
from toolalpaca.models.kv_cache import RoomyLayer, follow

NEVER = float("-inf")


@dataclass
class _Search:
    """One request: its beams, and the best reply that has ended so far."""

    row: Row
    beams: list[list[int]]
    best: tuple[float, list[int], str] = (NEVER, [], "")

    def offer(self, score: float, ids: list[int], reason: str) -> None:
        if score > self.best[0]:
            self.best = score, ids, reason


class BeamDecoder(Decoder):
    """A Decoder that keeps the `beams` likeliest beginnings of each reply, and ends with the likeliest reply.

    A reply's score is the sum of its tokens' log-probabilities (no length penalty), which a longer one
    never raises: the search ends where no beginning can overtake the best reply. A greedy copy that
    started at the wrong place runs on; here its low probability tells, more so with a frequency penalty.
    """

    def __init__(self, model: Any, tokenizer: Any, *, beams: int, **settings: Any):
        super().__init__(model, tokenizer, **settings)
        self.beams = beams

    @torch.inference_mode()
    def work(self) -> None:
        """Decode until nobody waits."""
        while waiting := self._take():
            while waiting:
                self._rows, waiting = waiting[: self.batch_size], waiting[self.batch_size :]
                try:
                    self._search()
                except torch.OutOfMemoryError as error:
                    self._shrink(error)
                except Exception as error:
                    for row in self._rows:
                        tell(row.done, ModelFailure("generation_failed", f"{type(error).__name__}: {error}"))
                self._rows = []

    def _take(self) -> list[Row]:
        """All that wait, by length: what a prompt is shorter than those beside it is padding."""
        taken: list[Row] = []
        with contextlib.suppress(queue.Empty):
            while True:
                taken.append(self._waiting.get_nowait())
        return sorted((row for row in taken if not row.done.cancelled()), key=lambda row: len(row.ids))

    def _search(self) -> None:
        """Decode self._rows to their ends; rows that end leave the batch."""
        searches = [_Search(row, [[]] * self.beams) for row in self._rows]
        logits, mask, cache = self._prompts(self._rows)
        width = mask.shape[1]
        # All beams of a request are the same at first, so only one of them counts
        scores = torch.tensor([[0.0] + [NEVER] * (self.beams - 1)] * len(searches))
        while True:
            tokens, parents, scores, going = self._grow(searches, logits, scores)
            for i, search in enumerate(searches):
                if i not in going:
                    search.row.said = search.best[1]
                    self._answer(search.row, search.best[2])
            searches = [searches[i] for i in going]
            self._rows = [search.row for search in searches]
            if not searches:
                return
            mask = follow(mask, cache, torch.tensor(parents, device=mask.device), width)
            mask = torch.nn.functional.pad(mask, (0, 1), value=1)
            logits = self.model(
                input_ids=torch.tensor(tokens, device=mask.device)[:, None],
                attention_mask=mask,
                position_ids=mask.sum(1, keepdim=True) - 1,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]

    def _prompts(self, rows: list[Row]) -> tuple[torch.Tensor, torch.Tensor, DynamicCache]:
        """Logits after the prompts [rows * beams, vocabulary], mask and cache, with a row for each beam."""
        device, width = self.model.device, max(len(row.ids) for row in rows)
        ids = torch.full((len(rows), width), self.padding, device=device)
        mask = torch.zeros((len(rows), width), dtype=torch.long, device=device)
        for i, row in enumerate(rows):
            ids[i, width - len(row.ids) :] = torch.tensor(row.ids, device=device)
            mask[i, width - len(row.ids) :] = 1
        cache = DynamicCache(config=self.model.config)
        cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
        logits = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        cache.batch_repeat_interleave(self.beams)
        return logits.repeat_interleave(self.beams, 0), mask.repeat_interleave(self.beams, 0), cache

    def _grow(
        self, searches: list[_Search], logits: torch.Tensor, scores: torch.Tensor
    ) -> tuple[list[int], list[int], torch.Tensor, list[int]]:
        """One token more for every beam.

        Args:
            logits: [searches * beams, vocabulary]
            scores: [searches, beams], so far

        Returns:
            The beams' tokens and the places in the batch that they go on from, both as flat lists over the
            searches that go on, their scores [searches, beams], and which searches those are.
        """
        logits = less_likely(logits, [said for search in searches for said in search.beams], self.penalty)
        steps = torch.log_softmax(logits.float(), -1).cpu()
        size = steps.shape[-1]
        total = (scores[:, :, None] + steps.view(len(searches), self.beams, size)).view(len(searches), -1)
        # Enough for `beams` that go on, whichever of the others end
        values, places = total.topk(self.beams * (1 + max(1, len(self.ends))))
        tokens: list[int] = []
        parents: list[int] = []
        kept_scores: list[list[float]] = []
        going: list[int] = []
        rows = zip(searches, values.tolist(), places.tolist(), strict=True)
        for i, (search, row_values, row_places) in enumerate(rows):
            kept: list[tuple[float, int, int]] = []  # score, beam, token
            for rank, (value, place) in enumerate(zip(row_values, row_places, strict=True)):
                beam, token = divmod(place, size)
                reason, ids = self._reason(search, search.beams[beam], token)
                if reason and rank < self.beams:
                    search.offer(value, ids, reason)
                elif not reason and len(kept) < self.beams:
                    kept.append((value, beam, token))
            if search.row.done.cancelled() or not kept or search.best[0] >= kept[0][0]:
                continue
            kept += [(NEVER, kept[0][1], kept[0][2])] * (self.beams - len(kept))
            search.beams = [[*search.beams[beam], token] for _, beam, token in kept]
            going.append(i)
            kept_scores.append([value for value, _, _ in kept])
            tokens += [token for _, _, token in kept]
            parents += [i * self.beams + beam for _, beam, _ in kept]
        return tokens, parents, torch.tensor(kept_scores), going

    def _reason(self, search: _Search, said: list[int], token: int) -> tuple[str, list[int]]:
        """Why a reply ends with this token ("" where it goes on), and the reply's tokens."""
        if token in self.ends:
            return "stop", said
        ids, row = [*said, token], search.row
        if self._stops(row, ids):
            return "stop", ids
        return ("length" if len(ids) >= row.limit else ""), ids
