"""A tokenizer for a model from nothing: the same word falls into the same pieces wherever it stands.

Usual BPE cuts ` fish`, `Fish` and `"fish` each in its own way, so that a small model has to learn every
word's spellings before it can copy a request's word into a function's name or a JSON key. Here what begins
a word is known in all four forms (`pet`, `Pet`, ` pet`, ` Pet`), what goes on is the same for all of them,
and the longest piece always wins (WordPiece, Wu et al., 2016).
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolalpaca.models.react import STYLES, render_response

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PAD, END = "<|pad|>", "<|end|>"
ROLES = ["<|system|>", "<|user|>", "<|assistant|>"]
REST = "‖"  # before a piece that goes on with a word; no character of the byte-level alphabet
SPACE = "Ġ"  # a space in that alphabet

# Two digits or a word with the space before it, and what stands between. camelCase falls into its words.
# Lengths are bounded, because the longest piece is sought anew at every character.
PIECES = r" ?\d{1,2}| ?[A-Z]?[a-z]{1,24}| ?[^\W\d_]{1,24}|[^\w]{1,16}?(?= \w)|[^\w]{1,16}|_{1,16}"
WORD = re.compile("[A-Z]?[a-z]+")
DIGITS = [*map(str, range(10)), *(f"{number:02}" for number in range(100))]
PUNCTUATION = 20  # times that a text between words must occur, in one conversation of SAMPLE, to be a token
SAMPLE = 10
MUTED = 0.75  # exponent of a word's count, so that rare words have a say in what the pieces are


def train_tokenizer(texts: Sequence[str], word_pieces: int) -> PreTrainedTokenizerBase:
    """A byte-level WordPiece tokenizer; `word_pieces` are learned from the words, without their forms.

    On top come their forms, numbers of two digits, what often stands between words, single bytes, one
    special token for each role, and `<|end|>`, which is EOS. The labels of a ReAct text are one token each.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    split = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    labels = _labels()
    label = re.compile("|".join(map(re.escape, labels)))
    between = Counter(
        piece
        for text in texts[::SAMPLE]
        for part in label.split(text)
        for piece, _ in split.pre_tokenize_str(part)
        if not any(character.isalnum() for character in piece.replace(SPACE, "").replace("Ċ", ""))
    )
    starts, rests = _word_pieces(texts, word_pieces)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [PAD, END, *ROLES, *alphabet, *(REST + character for character in alphabet)]
    tokens += [space + number for space in ("", SPACE) for number in DIGITS]
    tokens += [space + form for piece in starts for space in ("", SPACE) for form in (piece, piece.title())]
    tokens += [*rests, *(piece for piece, count in between.most_common() if count > PUNCTUATION)]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    words = Tokenizer(models.WordPiece(vocabulary, unk_token=PAD, continuing_subword_prefix=REST))
    words.pre_tokenizer = split
    words.decoder = decoders.Sequence([decoders.Replace(REST, ""), decoders.ByteLevel()])
    made = PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=ROLES,
        clean_up_tokenization_spaces=False,
    )
    made.add_tokens([AddedToken(text, normalized=False, special=False) for text in labels])
    return made


def word_forms(tokenizer: PreTrainedTokenizerBase) -> dict[str, dict[tuple[bool, bool], int]]:
    """What begins a word, or a number -> its tokens by (a space stands before, a capital begins)."""
    found: dict[str, dict[tuple[bool, bool], int]] = {}
    for token, name in enumerate(tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))):
        word = name.removeprefix(SPACE)
        if re.fullmatch(r"[A-Za-z][a-z]*|\d+", word):
            found.setdefault(word.lower(), {})[word != name, word[0].isupper()] = token
    return found


def _labels() -> list[str]:
    style = STYLES["react"]
    later = [f"\n{label}" for label in (style.action, style.action_input, style.final)]
    return [style.thought, style.observation, *later, f" {render_response(200, '').strip()}"]


def _word_pieces(texts: Sequence[str], count: int) -> tuple[list[str], list[str]]:
    """Lower-case pieces that begin words, and those that go on.

    A word's first letter is written as a capital here, so that it is another symbol than the same letter
    within a word. WordPieceTrainer would mark pieces itself, but numbers them in the order of a hash map:
    ties fall differently in every process.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    counts = Counter(word.lower() for text in texts for word in WORD.findall(text))
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=count, show_progress=False)
    repeated = (" ".join([word.title()] * (1 + int(n**MUTED))) for word, n in sorted(counts.items()))
    learner.train_from_iterator(repeated, trainer)
    pieces = sorted(learner.get_vocab())
    # Every letter can begin a word, also where no word of the corpus begins so
    starts = {*string.ascii_lowercase, *(piece.lower() for piece in pieces if piece[0].isupper())}
    return sorted(starts), [REST + piece for piece in pieces if piece[0].islower()]
