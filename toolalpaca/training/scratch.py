"""A small model from nothing: random weights that are ready to copy."""

from __future__ import annotations

import difflib
import itertools
from typing import TYPE_CHECKING, Any

from toolalpaca.schema import ToolAlpacaError
from toolalpaca.training.tokenizer import word_forms

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

FORMS = list(
    itertools.product((False, True), repeat=2)
)  # of a word: a space before it, a capital at its start
OLD_KEYS = {"rope_theta", "rope_scaling"}  # which transformers moves into rope_parameters
# Of an embedding at first: what a word's forms have in common, and what the words of a form have
WORD_SHARE, FORM_SHARE = 0.7, 0.5
# Of `prepare_to_copy`: the biases that look back, matching of one token and of the one before it, what is
# passed on, and the bias against what has just been said, in so many of the dimensions that turn fastest
SHARPNESS, MATCH, MATCH_BEFORE, GAIN, AVERSION, FAST = 10.0, 1.2, 0.6, 0.2, 2.5, 8


def configuration(architecture: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> PreTrainedConfig:
    """The transformers config that a mapping gives, with the tokenizer's vocabulary.

    Raises:
        ToolAlpacaError: the model type or a key is unknown, or a value does not fit its key.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    settings = {**architecture, "vocab_size": len(tokenizer)}
    try:
        kind = settings.pop("model_type")
        plain = AutoConfig.for_model(kind)
        known = plain.to_dict().keys() | plain.attribute_map.keys() | OLD_KEYS
        for key in settings.keys() - known:
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise ValueError(f"{kind} has no {key}; the nearest key is {nearest}")
        return AutoConfig.for_model(
            kind,
            **settings,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    except (KeyError, ValueError, TypeError, StrictDataclassError) as error:
        raise ToolAlpacaError(f"recipe: architecture: {' '.join(str(error).split())}") from None


def random_model(
    architecture: dict[str, Any], tokenizer: PreTrainedTokenizerBase, attention: str | None = None
) -> PreTrainedModel:
    """A causal language model with random weights for a transformers config given as a mapping.

    Raises:
        ToolAlpacaError: the model type or a key is unknown, or the values do not fit each other.
    """
    from transformers import AutoModelForCausalLM

    config = configuration(architecture, tokenizer)
    try:
        return AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    except (ValueError, TypeError) as error:
        raise ToolAlpacaError(f"recipe: architecture: {' '.join(str(error).split())}") from None


def prepare_to_copy(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give random weights the structure of induction heads, which small models need long to find.

    Two heads of the first layer start at the token before and at the one before that (biases that the
    rotary embedding turns into a distance); one of the second and third looks for where the last two tokens
    were seen, and passes on what stood behind them (Olsson et al., 2022, "In-context learning and induction
    heads"; Trockman and Kolter, 2023, on attention that starts with structure). Two, because pieces of
    words, digits and punctuation come again and again: after one of them a copy could go on anywhere. They
    start averse to the last few tokens, because a reply that copies itself never ends. The forms of a word
    start close to each other, and so do the words of a form. What the branches add to the residual stream
    starts at nothing; all else is random.

    Raises:
        ToolAlpacaError: the architecture is no Llama of three layers and two heads with `attention_bias`,
            or has no room for two tokens beside the present one (hidden_size of twice head_dim).
    """
    import torch

    config = model.config
    hidden, width = config.hidden_size, config.head_dim
    if (
        config.model_type != "llama"
        or not config.attention_bias
        or config.num_hidden_layers < 3
        or config.num_attention_heads < 2
        or hidden < 2 * width
    ):
        raise ToolAlpacaError(
            "recipe: copying_init needs model_type: llama, attention_bias: true, three layers and two heads, "
            "and a head_dim of at most half the hidden_size"
        )
    layers, half = model.model.layers, width // 2
    # The first two heads; queries may share keys and values
    heads, queries = (slice(0, width), slice(width, 2 * width)), config.num_attention_heads
    queries //= config.num_key_value_heads
    # Orthonormal directions: what a token is [hidden, width], what stood one and two before it [hidden, half]
    directions = torch.linalg.qr(torch.randn(hidden, hidden))[0]
    word, *before = directions.split([width, half, half, hidden - 2 * width], dim=1)[:3]
    seen = word @ torch.linalg.qr(torch.randn(width, width))[0][:, :half] * 2**0.5  # half of what a token is
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
        for distance, (head, place) in enumerate(zip(heads, before, strict=True), 1):
            # It is the query that is turned, so that heads of both distances may share their keys
            first.q_proj.weight[head] *= 0.05
            first.q_proj.bias[head] = SHARPNESS * torch.cat(
                [(turns * distance).cos(), -(turns * distance).sin()]
            )
            first.o_proj.weight[:, head] = place @ (word.T @ seen).T * GAIN
        for head in heads[: 2 if queries == 1 else 1]:
            first.k_proj.weight[head] *= 0.05
            first.k_proj.bias[head] = SHARPNESS * torch.cat([torch.ones(half), torch.zeros(half)])
            first.v_proj.weight[head] = word.T
        for layer in layers[1:3]:
            attention, head = layer.self_attn, heads[0]
            attention.q_proj.weight[head] = torch.cat([seen.T * MATCH, before[0].T * MATCH_BEFORE])
            attention.k_proj.weight[head] = torch.cat([before[0].T * MATCH, before[1].T * MATCH_BEFORE])
            attention.v_proj.weight[head], attention.o_proj.weight[:, head] = word.T, word * GAIN
            # -AVERSION ** 2 / width ** 0.5 * the sum of cos(turns * distance): least at no distance
            averse = AVERSION * (torch.arange(width) < FAST)
            attention.q_proj.bias[head], attention.k_proj.bias[head] = -averse, averse
