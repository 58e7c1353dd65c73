"""A small model from nothing: a tokenizer of the corpus, and random weights that are ready to copy."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolalpaca.react import STYLES, render_response
from toolalpaca.schema import ToolAlpacaError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PAD, END = "<|pad|>", "<|end|>"
ROLES = ["<|system|>", "<|user|>", "<|assistant|>"]

# A word or two digits with the space before them, and what stands between. camelCase falls into its words.
PIECES = r" ?\d{1,2}| ?[A-Z]?[a-z]+| ?[^\W\d_]+|[^\w]+?(?= \w)|[^\w]+|_+"
WORD = re.compile("[A-Z]?[a-z]+")
FORMS = list(
    itertools.product((False, True), repeat=2)
)  # whether a space stands before, and a capital begins
SAMPLE = 10  # one text in so many teaches the tokenizer what stands between words

WORD_SHARE, FORM_SHARE = (
    0.7,
    0.5,
)  # of an embedding at first: what a word's forms have in common, and a form's words
SHARPNESS, MATCH, GAIN = 10.0, 1.5, 0.16  # of `prepare_to_copy`: biases, matching, and what is passed on


def train_tokenizer(texts: Sequence[str], vocab_size: int) -> PreTrainedTokenizerBase:
    """A byte-level BPE tokenizer that knows a word in all four forms (`pet`, `Pet`, ` pet`, ` Pet`) or none.

    A function's name and a JSON key then consist of the words that a request says, which is what a small
    model copies. One special token stands for each role, `<|end|>` is EOS; the labels of a ReAct text are
    one token each, on top of `vocab_size`.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, END, *ROLES],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    counts = Counter(word.lower() for text in texts for word in WORD.findall(text))
    forms = [
        f"{word}.{word.title()}. {word} {word.title()}." * -(-count // SAMPLE)
        for word, count in counts.items()
        if count > 1
    ]
    bpe.train_from_iterator([*texts[::SAMPLE], *forms], trainer=trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=ROLES,
        clean_up_tokenization_spaces=False,
    )
    style = STYLES["react"]
    opening, later = (style.thought, style.observation), (style.action, style.action_input, style.final)
    labels = [*opening, *(f"\n{label}" for label in later), f" {render_response(200, '').strip()}"]
    made.add_tokens([AddedToken(label, normalized=False, special=False) for label in labels])
    return made


def word_forms(tokenizer: PreTrainedTokenizerBase) -> dict[str, dict[tuple[bool, bool], int]]:
    """Word or number -> its tokens by form, see FORMS."""
    found: dict[str, dict[tuple[bool, bool], int]] = {}
    for token in range(len(tokenizer)):
        text = tokenizer.decode([token])
        word = text.removeprefix(" ")
        if re.fullmatch(r"[A-Za-z][a-z]*|\d+", word):
            found.setdefault(word.lower(), {})[word != text, word[0].isupper()] = token
    return found


def random_model(
    architecture: dict[str, Any], tokenizer: PreTrainedTokenizerBase, attention: str | None = None
) -> PreTrainedModel:
    """A causal language model with random weights for a transformers config given as a mapping.

    Raises:
        ToolAlpacaError: the model type is unknown or a key does not fit it.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = {**architecture, "vocab_size": len(tokenizer)}
    try:
        config = AutoConfig.for_model(
            settings.pop("model_type"),
            **settings,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        return AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    except (KeyError, ValueError, TypeError, StrictDataclassError) as error:
        raise ToolAlpacaError(f"recipe: architecture: {error}") from None


def prepare_to_copy(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give random weights the structure of induction heads, which small models need long to find.

    A head of the first layer starts at the token before (biases that the rotary embedding turns into a
    distance); one of the second and third looks for where the present token was seen, and passes on what
    stood behind it (Olsson et al., 2022, "In-context learning and induction heads"; Trockman and Kolter,
    2023, on attention that starts with structure). The forms of a word start close to each other, and so do
    the words of a form. What the branches add to the residual stream starts at nothing; all else is random.

    Raises:
        ToolAlpacaError: the architecture is no Llama of three layers and two heads with `attention_bias`.
    """
    import torch

    config = model.config
    if (
        config.model_type != "llama"
        or not config.attention_bias
        or config.num_hidden_layers < 3
        or config.num_attention_heads < 2
    ):
        raise ToolAlpacaError(
            "recipe: copying_init needs model_type: llama, attention_bias: true, three layers and two heads"
        )
    layers, hidden, width = model.model.layers, config.hidden_size, config.head_dim
    # The head in question is the first; where queries share keys, so does the first of them
    head, queries = slice(0, width), config.num_attention_heads // config.num_key_value_heads
    parts = torch.linalg.qr(torch.randn(hidden, hidden))[0].split(width, dim=1)  # (hidden, width) each
    word, before, passed = parts[0], parts[1], parts[-1 if len(parts) > 2 else 0]
    with torch.no_grad():
        table = model.get_input_embeddings().weight
        own = (1 - WORD_SHARE**2 - FORM_SHARE**2) ** 0.5
        of_form = dict(zip(FORMS, torch.randn(len(FORMS), hidden) * config.initializer_range, strict=True))
        for forms in word_forms(tokenizer).values():
            of_word = torch.randn(hidden) * config.initializer_range
            for form, token in forms.items():
                table[token] = WORD_SHARE * of_word + FORM_SHARE * of_form[form] + own * table[token]
        for layer in layers:
            attention = layer.self_attn
            keys = attention.k_proj.weight.view(-1, width, hidden).repeat_interleave(queries, 0)
            attention.q_proj.weight.copy_(keys.reshape(-1, hidden))
            attention.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        first = layers[0].self_attn
        turns = config.rope_parameters["rope_theta"] ** -(torch.arange(0, width, 2) / width)
        for projection, angles in ((first.q_proj, 0 * turns), (first.k_proj, turns)):
            projection.weight[head] *= 0.05
            projection.bias[head] = SHARPNESS * torch.cat([angles.cos(), angles.sin()])
        first.v_proj.weight[head], first.o_proj.weight[:, head] = word.T, before * GAIN
        for layer in layers[1:3]:
            attention = layer.self_attn
            attention.q_proj.weight[head], attention.k_proj.weight[head] = word.T * MATCH, before.T * MATCH
            attention.v_proj.weight[head], attention.o_proj.weight[:, head] = passed.T, passed * GAIN
