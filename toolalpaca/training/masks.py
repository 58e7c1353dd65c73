"""Conversations to token ids and labels: which tokens the loss falls on, decided by the chat template.

A template marks the assistant's text with `{% generation %}`. A token is trained when all of its
characters lie inside such a span, so no prompt, cue or observation is ever trained, whatever the
tokenizer merges across a border.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolalpaca.schema import ToolAlpacaError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100  # the label of a token without loss, PyTorch's convention

Messages = list[dict[str, Any]]
Tools = list[dict[str, Any]]  # the definitions of native function calling


def conversation(row: dict[str, Any]) -> Messages:
    """A row's messages without the keys that Arrow adds to those that lack them; no content is an empty one.

    OpenAI's files have null beside tool calls, of which not every chat template knows.
    """
    return [
        {"content": "", **{key: value for key, value in message.items() if value is not None}}
        for message in row["messages"]
    ]


def render(
    conversations: list[Messages], tokenizer: PreTrainedTokenizerBase, tools: list[Tools] | None = None
) -> tuple[list[str], list[Any]]:
    """Texts of conversations by the tokenizer's chat template, and the assistant's character spans.

    Args:
        tools: the tool definitions of each conversation, for native function calls.

    Raises:
        ToolAlpacaError: the tokenizer has no chat template, one without generation markers, or one that
            would leave out the tools.
    """
    from transformers.utils.chat_template_utils import render_jinja_template
    from trl.chat_template_utils import has_generation_markers

    template = tokenizer.chat_template
    if not template or not has_generation_markers(template):
        raise ToolAlpacaError(
            "the tokenizer's chat template has no {% generation %} markers, so the assistant's tokens are "
            "unknown; set chat_template_path to a file of recipes/chat_templates/"
        )
    settings = {
        "chat_template": template,
        "return_assistant_tokens_mask": True,
        **tokenizer.special_tokens_map,
    }
    if tools is None:
        return render_jinja_template(conversations=conversations, **settings)
    if "tool_calls" not in template or "tools" not in template:
        raise ToolAlpacaError(
            "the dataset holds native function calls, which this chat template does not write; "
            "set dataset_config to sft, or leave out chat_template_path for the model's own template"
        )
    texts, spans = [], []
    for messages, definitions in zip(conversations, tools, strict=True):
        text, span = render_jinja_template(conversations=[messages], tools=definitions, **settings)
        texts += text
        spans += span
    return texts, spans


def encode(
    conversations: list[Messages], tokenizer: PreTrainedTokenizerBase, tools: list[Tools] | None = None
) -> list[tuple[list[int], list[int]]]:
    """Token ids and labels of each conversation; labels are the ids, or -100 where no loss falls."""
    texts, spans = render(conversations, tokenizer, tools)
    encoded = tokenizer(
        texts,
        add_special_tokens=False,
        return_offsets_mapping=True,
        return_attention_mask=False,
        verbose=False,
    )
    examples = []
    for ids, offsets, assistant in zip(encoded["input_ids"], encoded["offset_mapping"], spans, strict=True):
        labels = [IGNORED] * len(ids)
        position = 0
        for start, end in assistant:
            while position < len(ids) and offsets[position][0] < start:
                position += 1
            while position < len(ids) and offsets[position][1] <= end:
                labels[position] = ids[position]
                position += 1
        examples.append((ids, labels))
    return examples


def show(messages: Messages, tokenizer: PreTrainedTokenizerBase, tools: Tools | None = None) -> str:
    """The conversation's text with the stretches that are trained between «», token by token."""
    given = None if tools is None else [tools]
    ((text,), _) = render([messages], tokenizer, given)
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    ((_, labels),) = encode([messages], tokenizer, given)
    marked, at, inside = [], 0, False
    for (start, end), label in zip(offsets, labels, strict=True):
        if (label != IGNORED) != inside:
            marked += [text[at:start], "»" if inside else "«"]
            at, inside = start, not inside
        if label != IGNORED and start > at:
            marked.append(text[at:start])
            at = start
        if label != IGNORED and end > at:
            marked.append(text[at:end])
            at = end
    return "".join(marked) + ("»" if inside else "") + text[at:]
