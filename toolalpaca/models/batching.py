"""Decoding of many requests at once with a transformers model: rows join and leave the batch as they go."""

from __future__ import annotations

import asyncio
import itertools
import queue
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from toolalpaca.models.boundary import ModelFailure
from toolalpaca.models.kv_cache import (
    KEPT_BYTES,
    SHARED,
    Conversations,
    KeysValues,
    RoomyLayer,
    bytes_per_token,
    close_up,
    common_length,
    stack,
)

BATCH_BYTES = 1200 << 20  # of a batch's keys and values on a CPU
LEAST_SHARED = 64  # tokens of a beginning that is worth a pass of its own
TAIL = 24  # tokens decoded to look for a stop text, beyond its own length


@dataclass
class Row:
    """A request in the batch, and what has been said so far."""

    ids: list[int]
    limit: int  # tokens to generate at most
    stop: list[str]
    seed: int
    done: asyncio.Future[tuple[str, int, str]]
    said: list[int] = field(default_factory=list)
    generator: torch.Generator | None = None


class Decoder:
    """A model with its batch. `put` is called from anywhere, `work` from one thread at a time.

    The batch's cache is padded on the left: row i's tokens are the last ones of its part of the
    attention mask [rows, columns], and its positions count only them.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        batch_size: int = 16,
        temperature: float = 0.0,
        top_p: float = 1.0,
    ):
        self.model, self.tokenizer = model, tokenizer
        self.batch_size, self.temperature, self.top_p = batch_size, temperature, top_p
        self.context: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        ends = model.generation_config.eos_token_id if model.generation_config else None
        self.ends = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id} - {None}
        self.padding = tokenizer.pad_token_id or 0
        self._texts: dict[int, str] = {}  # of single tokens
        self._waiting: queue.SimpleQueue[Row] = queue.SimpleQueue()
        self._held_back: Row | None = None  # it waits for memory
        self._rows: list[Row] = []
        self._cache: DynamicCache | None = None
        self._mask: torch.Tensor | None = None
        self._next: torch.Tensor | None = None  # [rows] the tokens to feed
        gpu = model.device.type == "cuda"
        free = torch.cuda.mem_get_info()[0] if gpu else 0
        self._earlier = Conversations(free // 4 if gpu else KEPT_BYTES)
        held = free // 2 if gpu else BATCH_BYTES
        self._columns = held // bytes_per_token(model)  # rows x tokens at most

    def put(
        self, ids: list[int], *, limit: int, stop: list[str], seed: int, done: asyncio.Future[Any]
    ) -> None:
        """Queue a request; `done` gets (text, number of tokens, finish reason)."""
        self._waiting.put(Row(ids, limit, stop, seed, done))

    @torch.inference_mode()
    def work(self) -> None:
        """Decode until nobody waits."""
        while self._rows or self._held_back or not self._waiting.empty():
            try:
                if self._room():
                    self._join()
                if self._rows:
                    self._step()
            except torch.OutOfMemoryError as error:
                self._shrink(error)
            except Exception as error:
                for row in self._rows:
                    tell(row.done, ModelFailure("generation_failed", f"{type(error).__name__}: {error}"))
                self._rows, self._cache = [], None

    def _room(self) -> bool:
        # A join costs a prefill and a copy of the cache, so it waits until it is worth it.
        if not self._rows:
            return True
        free = self.batch_size - len(self._rows)
        return (
            self._plain
            and free >= min(self._waiting.qsize() + bool(self._held_back), self.batch_size // 4 + 1) > 0
        )

    @property
    def _plain(self) -> bool:
        """Whether the cache is keys and values of every token, so that batches can be joined and cut."""
        return all(type(layer) is RoomyLayer for layer in self._cache.layers)

    @property
    def windowed(self) -> bool:
        """Whether layers keep the latest tokens alone, of which no beginning can be used again."""
        return any(type(layer) is not DynamicLayer for layer in DynamicCache(config=self.model.config).layers)

    def _join(self) -> None:
        new = self._admitted()
        if not new:
            return
        before = len(self._rows)
        self._rows = self._rows + new  # before the prefill, so that a failure reaches them
        if not self.windowed:
            self._share(new)
        # Rows of which about as much is known go together: what one lacks of another's is padding
        known = [self._earlier.longest(row.ids) for row in new]
        order = sorted(range(len(new)), key=lambda i: known[i][0])
        self._rows[before:] = [new[i] for i in order]
        tokens: list[int] = []
        for _, alike in itertools.groupby(order, key=lambda i: known[i][0].bit_length()):
            group = list(alike)
            tokens += self._prefill([new[i] for i in group], [known[i] for i in group])
        self._settle(tokens, before)

    def _admitted(self) -> list[Row]:
        """The rows that wait and have room: in the batch, and in the memory that its cache may take."""
        new: list[Row] = []
        widest = max((len(row.ids) + row.limit for row in self._rows), default=0)
        while len(new) + len(self._rows) < self.batch_size:
            try:
                row = self._held_back or self._waiting.get_nowait()
            except queue.Empty:
                break
            self._held_back = None
            if row.done.cancelled():
                continue
            widest = max(widest, len(row.ids) + row.limit)
            count = len(new) + len(self._rows) + 1
            if count > 1 and count * widest > self._columns:
                self._held_back = row
                break
            new.append(row)
        return new

    def _share(self, new: list[Row]) -> None:
        """Compute once what new prompts begin with alike, such as the documentation of one tool."""
        ordered = sorted(new, key=lambda row: row.ids)
        for one, other in itertools.pairwise(ordered):
            shared = common_length(one.ids, other.ids)
            if shared < LEAST_SHARED or self._earlier.longest(one.ids)[0] >= shared - SHARED:
                continue
            beginning = Row(one.ids[:shared], 1, [], 0, one.done)
            cache = self._filled([beginning], [self._earlier.longest(beginning.ids)])[1]
            layers = [(layer.keys[0].clone(), layer.values[0].clone()) for layer in cache.layers]
            self._earlier.add(beginning.ids, layers)

    def _prefill(self, new: list[Row], known: list[tuple[int, KeysValues]]) -> list[int]:
        """Compute what is not known of the rows' prompts, add them to the batch; their first tokens."""
        logits, cache, mask = self._filled(new, known)
        fed = self._choose(logits, new)
        if max(shared for shared, _ in known):
            mask = close_up(mask, cache)
        if self._cache is None:
            self._mask, self._cache, self._next = mask, cache, fed
        else:
            self._mask, self._cache = stack(self._mask, self._cache, mask, cache)
            self._next = torch.cat([self._next, fed])
        return fed.tolist()

    def _filled(
        self, new: list[Row], known: list[tuple[int, KeysValues]]
    ) -> tuple[torch.Tensor, DynamicCache, torch.Tensor]:
        """Logits [rows, vocabulary] after the rows' prompts, their cache, and its mask [rows, columns]."""
        device = self.model.device
        past = max(shared for shared, _ in known)
        width = max(len(row.ids) - shared for row, (shared, _) in zip(new, known, strict=True))
        ids = torch.full((len(new), width), self.padding, device=device)
        mask = torch.zeros((len(new), past + width), dtype=torch.long, device=device)
        for i, (row, (shared, _)) in enumerate(zip(new, known, strict=True)):
            rest = row.ids[shared:]
            ids[i, width - len(rest) :] = torch.tensor(rest, device=device)
            mask[i, past - shared : past] = 1
            mask[i, past + width - len(rest) :] = 1
        cache = DynamicCache(config=self.model.config)
        cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
        if past:
            pad = torch.nn.functional.pad
            for number, layer in enumerate(cache.layers):
                parts = [(layers[number], shared) for shared, layers in known]
                keys, values = (
                    torch.stack([pad(part[side][:, :n], (0, 0, past - n, 0)) for part, n in parts])
                    for side in (0, 1)
                )
                layer.lazy_initialization(keys, values)
                layer.keys, layer.values = keys, values
        logits = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0)[:, past:],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        return logits, cache, mask

    def _step(self) -> None:
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        logits = self.model(
            input_ids=self._next[:, None],
            attention_mask=self._mask,
            position_ids=self._mask.sum(1, keepdim=True) - 1,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        self._next = self._choose(logits, self._rows)
        self._settle(self._next.tolist(), 0)

    def _choose(self, logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
        """The next token of each row [rows, vocabulary] -> [rows]."""
        if not self.temperature:
            return logits.argmax(-1)
        probabilities = torch.softmax(logits.float() / self.temperature, -1).cpu()
        if self.top_p < 1:
            ordered, places = probabilities.sort(-1, descending=True)
            ordered[ordered.cumsum(-1) - ordered >= self.top_p] = 0
            probabilities = torch.zeros_like(probabilities).scatter(-1, places, ordered)
        picked = []
        for row, p in zip(rows, probabilities, strict=True):
            if row.generator is None:
                row.generator = torch.Generator().manual_seed(row.seed)
            picked.append(torch.multinomial(p, 1, generator=row.generator))
        return torch.cat(picked).to(logits.device)

    def _settle(self, tokens: list[int], first: int) -> None:
        """Give `tokens` to the rows from `first` on; rows that end leave the batch."""
        keep = list(range(first))
        for i, token in enumerate(tokens, first):
            row = self._rows[i]
            if not self._ended(row, token) and not row.done.cancelled():
                keep.append(i)
            elif self._plain:
                self._keep(i)
        if len(keep) == len(self._rows):
            return
        self._rows = [self._rows[i] for i in keep]
        if not keep:
            self._cache = None
            return
        index = torch.tensor(keep, device=self._mask.device)
        self._mask, self._next = self._mask[index], self._next[index]
        if not self._plain:
            self._cache.batch_select_indices(index)
            return
        unused = int((self._mask.sum(0) == 0).int().argmin())  # columns that pad every row
        self._mask = self._mask[:, unused:]
        for layer in self._cache.layers:
            layer.keys, layer.values = layer.keys[index, :, unused:], layer.values[index, :, unused:]

    def _keep(self, i: int) -> None:
        """Put row i's keys and values by, for the next prompt of its conversation."""
        row, own = self._rows[i], self._mask[i].bool()
        layers = [(layer.keys[i][:, own], layer.values[i][:, own]) for layer in self._cache.layers]
        self._earlier.add(row.ids + row.said, layers)

    def _ended(self, row: Row, token: int) -> bool:
        if token in self.ends:
            return self._answer(row, "stop")
        row.said.append(token)
        if self._stops(row, row.said):
            return self._answer(row, "stop")
        return self._answer(row, "length") if len(row.said) >= row.limit else False

    def _stops(self, row: Row, said: list[int]) -> bool:
        """Whether a stop text of the row ends in the last of these tokens."""
        if not row.stop or not self._may_end(row.stop, said[-1]):
            return False
        tail = self._text(said[-TAIL - max(map(len, row.stop)) :])
        return any(stop in tail for stop in row.stop)

    def _may_end(self, stops: list[str], token: int) -> bool:
        """Whether a stop text can end in this token: decoding the tail at every token is what takes time."""
        if token not in self._texts:
            self._texts[token] = self._text([token])
        text = self._texts[token]
        return any(stop[-1] in text or stop[-1].isspace() or not stop[-1].isascii() for stop in stops)

    def _answer(self, row: Row, reason: str) -> bool:
        text = self._text(row.said)
        ends = [place for stop in row.stop if (place := text.find(stop)) >= 0]
        tell(row.done, (text[: min(ends)] if ends else text, len(row.said), reason))
        return True

    def _text(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _shrink(self, error: Exception) -> None:
        """The device's memory does not hold the batch: start its rows anew in a smaller one."""
        rows, self._rows, self._cache = self._rows, [], None
        self._earlier.clear()
        torch.cuda.empty_cache()
        if self.batch_size == 1:
            for row in rows:
                tell(row.done, ModelFailure("out_of_memory", str(error)[:200]))
            return
        self.batch_size = max(1, min(self.batch_size, len(rows)) // 2)
        for row in rows:
            row.said, row.generator = [], None
            self._waiting.put(row)


def tell(done: asyncio.Future[Any], result: Any) -> None:
    """Give a future its result or its exception, from another thread than its loop's."""

    def set_result() -> None:
        if done.done():
            return
        if isinstance(result, Exception):
            done.set_exception(result)
        else:
            done.set_result(result)

    loop = done.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(set_result)
