"""The dataset a trainer sees: rows loaded, tokenized, and none cut through its answer."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolalpaca.dataset import training_rows
from toolalpaca.files import load_dataset
from toolalpaca.models.react import STYLES
from toolalpaca.schema import ToolAlpacaError
from toolalpaca.training import masks

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

GOLDEN = (5**0.5 - 1) / 2


@dataclass
class Counts:
    """What became of the rows of a dataset."""

    examples: int  # kept
    trimmed: int  # kept, after documentation of functions they do not use was left out
    dropped: int  # too long even so
    tokens: int  # of the kept
    trained: int  # tokens with loss
    longest: int

    def __str__(self) -> str:
        kept = (
            f"{self.examples} examples, {self.tokens} tokens ({self.trained} trained), longest {self.longest}"
        )
        return f"{kept}; {self.trimmed} trimmed of unused functions, {self.dropped} dropped as too long"


def load_rows(name: str, config: str | None, split: str) -> Dataset:
    """One split of a dataset folder or Hub dataset; its rows hold `messages`.

    Raises:
        ToolAlpacaError: it does not exist, has no such configuration or split, or no messages, or the Hub
            cannot be reached.
    """
    from datasets.exceptions import DatasetNotFoundError

    try:
        rows = load_dataset(name, config, split=split)
    except ConnectionError as error:
        raise ToolAlpacaError(
            f"dataset {name} is no folder here, and the Hub cannot be reached ({error}); connect, or give a "
            "folder made by generate/build_dataset.py"
        ) from None
    except (DatasetNotFoundError, FileNotFoundError, ValueError) as error:
        where = "a folder" if Path(name).exists() else "neither a folder here nor a dataset on the Hub"
        raise ToolAlpacaError(f"dataset {name} ({where}), {config or 'default'}/{split}: {error}") from None
    if "messages" not in rows.column_names:
        raise ToolAlpacaError(
            f"dataset {name} has no column 'messages', only {', '.join(rows.column_names)}; expected rows of "
            '{"messages": [{"role": ..., "content": ...}]}, as OpenAI and TRL write them'
        )
    if not len(rows):
        raise ToolAlpacaError(f"dataset {name}, {config or 'default'}/{split} is empty")
    if wrong := _no_conversation(rows[0]["messages"]):
        raise ToolAlpacaError(f"dataset {name}, {config or 'default'}/{split}, row 1: {wrong}")
    return rows


def _no_conversation(messages: Any) -> str:
    """What of a row's `messages` is no conversation of texts; "" where it is one."""
    if not isinstance(messages, list) or not messages:
        return f"expected messages as a list with something in it, got {messages!r:.80}"
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            return f"expected messages with a role and a content, got {message!r:.80}"
        if not isinstance(message.get("content"), str | None):
            return f"expected a message's content as a text, got {message['content']!r:.80}"
    return ""


def shortened(rows: Dataset, answer_share: float) -> Dataset:
    """The rows, of which a share goes on to the final answer and the others end with their last call.

    Rows are chosen evenly over the dataset, by the golden ratio. One without a call keeps its answer.
    """
    if answer_share == 1:
        return rows
    return rows.map(
        functools.partial(_shorten, answer_share=answer_share), with_indices=True, desc="Shortening"
    )


def _shorten(row: dict[str, Any], index: int, answer_share: float) -> dict[str, Any]:
    messages = row["messages"][:-1]
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    whole = not messages or index * GOLDEN % 1 < answer_share
    return {"messages": row["messages"] if whole else messages}


def prepare(
    rows: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int | None, workers: int | None = None
) -> tuple[Dataset, Counts]:
    """Tokenize rows to `input_ids` and `labels`; what is longer than `max_length` is trimmed or dropped.

    Raises:
        ToolAlpacaError: no row is left, or the chat template is for a dataset of another style.
    """
    from datasets import Features, List, Value

    _check_style(rows, tokenizer)
    kept = {name: rows.features[name] for name in ("messages", "tools") if name in rows.column_names}
    tokens = dict.fromkeys(("input_ids", "labels"), List(Value("int64")))
    counted = {"n_tokens": Value("int64"), "n_trained": Value("int64"), "trimmed": Value("bool")}
    encoded = rows.map(
        functools.partial(_encode, tokenizer=tokenizer, max_length=max_length),
        batched=True,
        remove_columns=[name for name in rows.column_names if name not in kept],
        features=Features({**kept, **tokens, **counted}),
        num_proc=workers,
        desc="Tokenizing",
    )
    if not len(encoded):
        raise ToolAlpacaError(f"all {len(rows)} examples are longer than max_length = {max_length} tokens")
    lengths = encoded["n_tokens"]
    counts = Counts(
        examples=len(encoded),
        trimmed=sum(encoded["trimmed"]),
        dropped=len(rows) - len(encoded),
        tokens=sum(lengths),
        trained=sum(encoded["n_trained"]),
        longest=max(lengths),
    )
    return encoded.remove_columns(list(counted)), counts


def _check_style(rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> None:
    """A template made for one style would take the observations of another for words of the user."""
    style = rows[0].get("style")
    for other in STYLES.values():
        known = f"'{other.observation}'" in (tokenizer.chat_template or "")
        if known and style not in (None, other.name):
            raise ToolAlpacaError(
                f"the chat template is for style {other.name}, the dataset is of style {style}; build it "
                f"with generate/build_dataset.py --style {other.name}, or set another chat_template_path"
            )


def _encode(
    batch: dict[str, list[Any]], tokenizer: PreTrainedTokenizerBase, max_length: int | None
) -> dict[str, Any]:
    rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
    examples = []
    for given, tokens in zip(rows, _tokens(rows, tokenizer), strict=True):
        fits = max_length is None or len(tokens[0]) <= max_length
        example = (given, *tokens) if fits else _trimmed(given, tokenizer, max_length)
        if example is None:
            continue
        row, ids, labels = example
        made = {name: row[name] for name in ("messages", "tools") if name in row}
        made |= {"input_ids": ids, "labels": labels, "n_tokens": len(ids), "trimmed": not fits}
        examples.append({**made, "n_trained": sum(label != masks.IGNORED for label in labels)})
    names = [name for name in ("messages", "tools") if name in batch]
    names += ["input_ids", "labels", "n_tokens", "n_trained", "trimmed"]
    return {name: [example[name] for example in examples] for name in names}


def _tokens(
    rows: list[dict[str, Any]], tokenizer: PreTrainedTokenizerBase
) -> list[tuple[list[int], list[int]]]:
    tools = [row["tools"] for row in rows] if rows and "tools" in rows[0] else None
    return masks.encode([masks.conversation(row) for row in rows], tokenizer, tools)


def _trimmed(
    row: dict[str, Any], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> tuple[dict[str, Any], list[int], list[int]] | None:
    """The row with documentation of as many unused functions as fit; None where the used ones do not."""
    best, low, high = None, 0, len(training_rows.unused(row)) - 1
    while low <= high:
        keep = (low + high) // 2
        shorter = training_rows.trim(row, keep)
        ((ids, labels),) = _tokens([shorter], tokenizer)
        if len(ids) <= max_length:
            best, low = (shorter, ids, labels), keep + 1
        else:
            high = keep - 1
    return best
