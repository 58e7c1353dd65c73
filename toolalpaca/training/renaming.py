"""Names in training examples exchanged at random: a small model then learns to copy, not to memorise.

A corpus of a few hundred APIs has few names, and a model from nothing learns those by heart. Here each
example's rarer words that function and parameter names consist of are exchanged for other rare words, or
for two pieces of words, the same for the same word throughout: documentation, request, call, response and
answer still agree. The idea is symbol tuning (Wei et al., 2023) and the masking of function names (Lin et
al., 2024, Hammer).
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from toolalpaca.react import STYLES
from toolalpaca.training import masks
from toolalpaca.training.scratch import word_forms

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

COMMON = 0.03  # share of the examples from which on a word belongs to the language and stays
IN_NAME, GLUED = (False, True), (False, False)  # forms of words: inside a name, and at the start of a key
IN_PIECES = 0.3  # share of the words that become two tokens


def rename_words(
    train: Dataset, tokenizer: PreTrainedTokenizerBase, copies: int, max_length: int, seed: int
) -> Dataset:
    """`copies` differently renamed versions of each row of `input_ids` and `labels`, in shuffled order.

    A version that would be longer than `max_length` tokens stays as it was. What function names begin with,
    mostly verbs, stays: a request says them in other words.
    """
    from datasets import concatenate_datasets

    forms = word_forms(tokenizer)
    place = {token: (word, form) for word, tokens in forms.items() for form, token in tokens.items()}
    examples: Counter[str] = Counter()
    named, verbs = set(), set()
    (action,) = tokenizer.encode(f"\n{STYLES['react'].action}", add_special_tokens=False)
    for ids in train["input_ids"]:
        examples.update({place[token][0] for token in ids if token in place})
        for before, token in itertools.pairwise(ids):
            if token in place and before == action:
                verbs.add(place[token][0])
            elif token in place and before in place and place[token][1] == IN_NAME:
                named.add(place[token][0])
    rare = [
        word for word in forms if len(word) > 1 and word.isalpha() and examples[word] < COMMON * len(train)
    ]
    renamable, others = {w for w in rare if w in named - verbs}, sorted(w for w in rare if w not in verbs)
    pieces = [forms[word][GLUED] for word in others if GLUED in forms[word]]

    @functools.cache
    def pool(occurring: frozenset[tuple[bool, bool]]) -> list[str]:
        """Words that have at least these forms: an exchange must keep every form that occurs."""
        return [word for word in others if occurring <= forms[word].keys()]

    def renamed(row: dict, index: int, copy: int) -> dict:
        chance = np.random.default_rng((seed, copy, index))
        used: dict[str, set[tuple[bool, bool]]] = {}
        for token in row["input_ids"]:
            if token in place and place[token][0] in renamable:
                used.setdefault(place[token][0], set()).add(place[token][1])
        new: dict[int, list[int]] = {}
        for word, occurring in sorted(used.items()):
            fitting = pool(frozenset(occurring))
            other = fitting[chance.integers(len(fitting))]
            # An unseen word is often unknown to the tokenizer: several pieces, which must be copied too
            split = pieces and chance.random() < IN_PIECES
            rest = [pieces[chance.integers(len(pieces))]] if split else []
            new |= {forms[word][form]: [forms[other][form], *rest] for form in occurring}
        pairs = [
            (other, other if label != masks.IGNORED else label)
            for token, label in zip(row["input_ids"], row["labels"], strict=True)
            for other in new.get(token, [token])
        ]
        if len(pairs) > max_length:
            return {"input_ids": row["input_ids"], "labels": row["labels"]}
        return {"input_ids": [token for token, _ in pairs], "labels": [label for _, label in pairs]}

    versions = [
        train.map(renamed, with_indices=True, fn_kwargs={"copy": copy}, desc="Renaming")
        for copy in range(copies)
    ]
    return concatenate_datasets(versions).shuffle(seed=seed)
