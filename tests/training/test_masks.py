"""Which tokens are trained: exactly those of thought, action, input and final answer, and the end token."""

import json
import random
from pathlib import Path

import corpus
import pytest

from toolalpaca.dataset import training_rows
from toolalpaca.models import react
from toolalpaca.schema import Function, Step, ToolAlpacaError

TEMPLATES = Path(__file__).parents[2] / "recipes" / "chat_templates"
SPECIAL = {
    "tiny": ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"],
    "chatml": ["<|im_start|>", "<|im_end|>", "<|endoftext|>"],
    "qwen3": ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>"],
    "llama3": ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    "gemma3": ["<bos>", "<start_of_turn>", "<end_of_turn>"],
}
CHATML_END = "<|im_end|>"
END = {
    "tiny": "<|end|>",
    "chatml": CHATML_END,
    "qwen3": CHATML_END,
    "llama3": "<|eot_id|>",
    "gemma3": "<end_of_turn>",
    "vicuna": "</s>",
}
TURN = {  # what opens a turn, what stands before the assistant's words, what follows the end token
    "tiny": ("<|{}|>", "", ""),
    "chatml": ("<|im_start|>{}\n", "", "\n"),
    "qwen3": ("<|im_start|>{}\n", "<think>\n\n</think>\n\n", "\n"),
    "llama3": ("<|start_header_id|>{}<|end_header_id|>\n\n", "", ""),
}
PIECES = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
FUNCTION = Function(
    "getForecast",
    "The forecast",
    "get",
    "/forecast",
    documentation="getForecast: The forecast.",
    signature="f",
)

# Texts that tempt a mask to slip: labels inside values, spaces at borders, letters of many bytes.
THOUGHTS = [
    "I need the forecast.",
    "Überprüfe 北京 🙂 – now:",
    "  two spaces ",
    "Observation: no, a thought",
    "x",
]
INPUTS = [
    '{"city": "Zürich", "days": 3}',
    "{}",
    '{"q": "Final Answer: 42\\nAction: none"}',
    "not json  ",
    "[1, 2]",
]
RESPONSES = [
    'Status Code: 200. Response: {"t": "北京 12°"}',
    "",
    "Thought: mine\nFinal Answer: wrong",
    " 🙂\n\n",
]
ANSWERS = ["It will be 12 °C.\nBring a coat: Action: none", "Ok", "Done 🙂", "line\n\n"]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    plain = [
        *THOUGHTS,
        *INPUTS,
        *RESPONSES,
        *ANSWERS,
        "USER: ASSISTANT Thought: Action: Input: Observation: Response:",
    ]
    return plain * 5


@pytest.fixture(scope="module")
def sentencepiece_tokenizer(tmp_path_factory, texts):
    """A Llama tokenizer of the kind that Vicuna ships: SentencePiece BPE with byte fallback."""
    import sentencepiece
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("llama")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in texts for line in text.split("\n") if line.strip()),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=420,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        character_coverage=0.98,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}
    settings = {**names, "tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def byte_tokenizer(texts):
    """A byte-level BPE as Qwen's and Llama 3's that knows the special tokens of every family."""
    made = byte_level(texts, PIECES)
    made.add_special_tokens(
        {"additional_special_tokens": sorted({t for names in SPECIAL.values() for t in names})}
    )
    return made


def byte_level(texts, pieces: str):
    """A byte-level BPE of the texts, which it cuts by a regular expression first."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(pieces), behavior="isolated")
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(texts, trainer=trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe)


def with_template(tokenizer, name: str):
    """The tokenizer with a template of ours, or one that TRL ships (`trl:NAME`)."""
    family = name.removeprefix("trl:").removesuffix("_training")
    if name.startswith("trl:"):
        import trl

        path = Path(trl.__file__).parent / "chat_templates" / f"{name[4:]}.jinja"
    else:
        path = TEMPLATES / f"{name}.jinja"
    tokenizer.chat_template = path.read_text(encoding="utf-8")
    tokenizer.eos_token = END[family]
    if family == "llama3":
        tokenizer.bos_token = "<|begin_of_text|>"
    return tokenizer


def conversation(style: react.Style, seed: int) -> list[dict[str, str]]:
    """A conversation of nought to three actions, with a malformed step among them now and then."""
    pick = random.Random(seed).choice
    steps = []
    for _ in range(seed % 4):
        error = "parse_error" if pick(range(5)) == 0 and style.name == "react" else ""
        steps.append(Step(pick(THOUGHTS), "getForecast", pick(INPUTS), pick(RESPONSES), error=error))
    opened = react.opening([FUNCTION], f"What is the weather in {pick(THOUGHTS)}", style).messages
    answer = react.render_answer(pick(THOUGHTS), pick(ANSWERS), style)
    return [*opened, *react.turns(steps, style), {"role": "assistant", "content": answer}]


def trained_text(messages, tokenizer) -> list[str]:
    """The text under each unbroken run of trained tokens."""
    from toolalpaca.training import masks

    ((text,), _) = masks.render([messages], tokenizer)
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    ((ids, labels),) = masks.encode([messages], tokenizer)
    assert len(ids) == len(offsets)
    runs, before = [], False
    for token, label, (start, end) in zip(ids, labels, offsets, strict=True):
        trained = label != masks.IGNORED
        assert not trained or label == token
        if trained and before:
            runs[-1][1] = max(end, runs[-1][1])
        elif trained:
            runs.append([start, end])
        before = trained
    return [text[start:end] for start, end in runs]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", ["tiny", "chatml", "qwen3", "llama3"])
def test_every_assistant_turn_is_trained_whole_with_its_end_and_nothing_else(byte_tokenizer, name, seed):
    tokenizer = with_template(byte_tokenizer, name)
    messages = conversation(react.STYLES["react"], seed)
    said = [m["content"] + END[name] for m in messages if m["role"] == "assistant"]
    assert trained_text(messages, tokenizer) == said


@pytest.mark.parametrize("name", TURN)
def test_the_rendered_text_is_the_react_text_in_the_familys_turns(byte_tokenizer, name):
    from toolalpaca.training import masks

    messages = conversation(react.STYLES["react"], 3)
    ((text,), _) = masks.render([messages], with_template(byte_tokenizer, name))
    head, think, between = TURN[name]
    begin = "<|begin_of_text|>" if name == "llama3" else ""
    assert text == begin + "".join(
        head.format(m["role"]) + think * (m["role"] == "assistant") + m["content"] + END[name] + between
        for m in messages
    )


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["sentencepiece", "byte"])
def test_vicuna_is_one_dialogue_whose_cue_and_observations_carry_no_loss(
    sentencepiece_tokenizer, byte_tokenizer, kind, seed
):
    from toolalpaca.training import masks

    tokenizer = sentencepiece_tokenizer
    if kind == "byte":
        tokenizer = byte_tokenizer
        tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    tokenizer = with_template(tokenizer, "vicuna")
    style = react.STYLES["vicuna"]
    messages = conversation(style, seed)
    system, user, *turns = [m["content"] for m in messages]
    ((text,), _) = masks.render([messages], tokenizer)
    assert text == f"<s>{system}\n\nUSER: {user}\n" + "\n".join(turns) + "</s>"
    said = [m["content"].removeprefix(style.thought) for m in messages if m["role"] == "assistant"]
    said[-1] += "</s>"
    assert trained_text(messages, tokenizer) == said


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["trl:qwen3_training", "trl:llama3_training"])
def test_templates_that_trl_ships_train_the_same_tokens(byte_tokenizer, name, seed):
    tokenizer = with_template(byte_tokenizer, name)
    messages = conversation(react.STYLES["react"], seed)
    said = [m["content"].strip() for m in messages if m["role"] == "assistant"]
    if "qwen3" in name:  # its training template trains the empty think block too
        said = ["<think>\n\n</think>\n\n" + content for content in said]
    runs = trained_text(messages, tokenizer)
    end = END[name[4:].removesuffix("_training")]
    assert [run.rstrip("\n").removesuffix(end).strip() for run in runs] == said
    assert all(run.rstrip("\n").endswith(end) for run in runs)


@pytest.mark.parametrize("name", ["tiny", "chatml", "qwen3", "llama3", "vicuna"])
def test_what_a_model_is_asked_with_is_how_its_training_text_begins(
    byte_tokenizer, sentencepiece_tokenizer, name
):
    from toolalpaca.training import masks

    tokenizer = with_template(sentencepiece_tokenizer if name == "vicuna" else byte_tokenizer, name)
    messages = conversation(react.STYLES["vicuna" if name == "vicuna" else "react"], 3)
    ((ids, labels),) = masks.encode([messages], tokenizer)
    for turn, message in enumerate(messages):
        if message["role"] == "assistant":
            asked = tokenizer.apply_chat_template(messages[:turn], add_generation_prompt=True)["input_ids"]
            assert ids[: len(asked)] == asked
            assert labels[len(asked) - 1] == masks.IGNORED
            assert labels[len(asked)] == ids[len(asked)]


def test_special_tokens_begin_and_end_a_text_where_the_family_expects_them(
    byte_tokenizer, sentencepiece_tokenizer
):
    from toolalpaca.training import masks

    for name, begins in (("llama3", "<|begin_of_text|>"), ("qwen3", "<|im_start|>"), ("vicuna", "<s>")):
        tokenizer = with_template(sentencepiece_tokenizer if name == "vicuna" else byte_tokenizer, name)
        ((ids, labels),) = masks.encode([conversation(react.STYLES["vicuna"], 2)], tokenizer)
        tokens = tokenizer.convert_ids_to_tokens(ids)
        assert tokens[0] == begins
        assert tokens.count(begins) == 1 or name == "qwen3"
        assert tokenizer.convert_ids_to_tokens([label for label in labels if label >= 0])[-1] == END[name]


def test_the_printed_example_marks_what_is_trained(byte_tokenizer):
    from toolalpaca.training import masks

    tokenizer = with_template(byte_tokenizer, "tiny")
    messages = conversation(react.STYLES["react"], 2)
    shown = masks.show(messages, tokenizer)
    ((text,), _) = masks.render([messages], tokenizer)
    assert shown.replace("«", "").replace("»", "") == text
    marked = [part.split("»")[0] for part in shown.split("«")[1:]]
    assert marked == [m["content"] + "<|end|>" for m in messages if m["role"] == "assistant"]


def test_a_token_over_the_border_of_cue_and_thought_is_not_trained(texts):
    tokenizer = byte_level(texts, r"\w+|\W+")  # merges ": " into one token
    assert len(tokenizer.encode(": ")) == 1
    tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    messages = conversation(react.STYLES["vicuna"], 0)
    (said,) = trained_text(messages, with_template(tokenizer, "vicuna"))
    assert "ASSISTANT Thought: " + said == messages[-1]["content"] + "</s>"


@pytest.mark.parametrize("more", ["", "{% if add_generation_prompt %}x{% endif %}"])
def test_a_template_without_markers_is_refused(byte_tokenizer, more):
    from toolalpaca.training import masks

    byte_tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}" + more
    with pytest.raises(ToolAlpacaError, match="markers"):
        masks.encode([conversation(react.STYLES["react"], 1)], byte_tokenizer)


def native_rows(count: int):
    """Native calls of a small corpus, as a dataset gives them back."""
    from datasets import Dataset

    from toolalpaca.dataset.features import FEATURES

    made = corpus.tool(1)
    rows = [training_rows.native_row(made, instance) for instance in corpus.instances(made, count)]
    return Dataset.from_list(rows, features=FEATURES["sft_tools"])


def test_native_calls_are_trained_with_their_thoughts_and_nothing_else(byte_tokenizer):
    from toolalpaca.training import examples

    tokenizer = with_template(byte_tokenizer, "trl:qwen3_training")
    train, counts = examples.prepare(native_rows(9), tokenizer, None)
    assert (counts.examples, counts.trimmed, counts.dropped) == (9, 0, 0)
    for row in train:
        said = ""
        for message in row["messages"]:
            if message["role"] == "assistant":
                calls = [call["function"] for call in message.get("tool_calls") or []]
                objects = [
                    f'{{"name": "{c["name"]}", "arguments": {json.dumps(c["arguments"])}}}' for c in calls
                ]
                texts = [f"<tool_call>\n{text}\n</tool_call>" for text in objects]
                words = "\n".join([message["content"], *texts])
                said += f"<think>\n\n</think>\n\n{words}<|im_end|>\n"
        assert tokenizer.decode([label for label in row["labels"] if label >= 0]) == said
        text = tokenizer.decode(row["input_ids"])
        assert all(json.dumps(tool) in text for tool in row["tools"])


def test_a_long_native_row_loses_unused_tools_first(byte_tokenizer):
    from toolalpaca.training import examples

    tokenizer = with_template(byte_tokenizer, "trl:qwen3_training")
    rows = native_rows(3)
    whole, counts = examples.prepare(rows, tokenizer, None)
    limit = counts.longest - 1
    kept, counts = examples.prepare(rows, tokenizer, limit)
    assert (counts.trimmed, counts.dropped) == (1, 0)
    (before, after) = next(
        pair for pair in zip(whole, kept, strict=True) if len(pair[0]["tools"]) > len(pair[1]["tools"])
    )
    called = {c["function"]["name"] for m in after["messages"] for c in m.get("tool_calls") or []}
    assert called <= {tool["function"]["name"] for tool in after["tools"]}
    assert [i for i in after["labels"] if i >= 0] == [i for i in before["labels"] if i >= 0]


def test_a_dataset_that_a_template_would_write_wrongly_is_refused(byte_tokenizer, sentencepiece_tokenizer):
    from datasets import Dataset

    from toolalpaca.training import examples

    byte_tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }};"
        "{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}"
    )
    with pytest.raises(ToolAlpacaError, match="native function calls"):
        examples.prepare(native_rows(2), byte_tokenizer, None)
    row = {"messages": conversation(react.STYLES["react"], 1), "style": "react"}
    with pytest.raises(ToolAlpacaError, match="--style vicuna"):
        examples.prepare(Dataset.from_list([row]), with_template(sentencepiece_tokenizer, "vicuna"), None)


@pytest.mark.parametrize("name", ["tiny", "chatml", "qwen3", "llama3", "vicuna", "gemma3"])
def test_templates_pass_the_checks_of_trl(byte_tokenizer, sentencepiece_tokenizer, name):
    from trl import chat_template_utils as trl_checks

    tokenizer = with_template(sentencepiece_tokenizer if name == "vicuna" else byte_tokenizer, name)
    assert trl_checks.is_chat_template_prefix_preserving(tokenizer)
    assert trl_checks.is_chat_template_stop_token_trained(tokenizer)
    assert trl_checks.supports_tool_calling(tokenizer)


@pytest.mark.parametrize("name", ["tiny", "chatml", "qwen3", "llama3", "gemma3"])
def test_native_calls_are_trained_and_definitions_and_answers_are_not(byte_tokenizer, name):
    from toolalpaca.models.hf import tool_calls
    from toolalpaca.training import masks

    tokenizer = with_template(byte_tokenizer, name)
    call = {"type": "function", "function": {"name": "getForecast", "arguments": {"city": "Zürich"}}}
    messages = [
        {"role": "system", "content": "Call functions."},
        {"role": "user", "content": "Weather in Zürich?"},
        {"role": "assistant", "content": "I look it up.", "tool_calls": [call]},
        {"role": "tool", "name": "getForecast", "content": '{"sky": "clear"}'},
        {"role": "assistant", "content": "Clear."},
    ]
    tools = [{"type": "function", "function": {"name": "getForecast", "description": "d", "parameters": {}}}]
    ((ids, labels),) = masks.encode([messages], tokenizer, [tools])
    trained = tokenizer.decode([i for i, label in zip(ids, labels, strict=True) if label != masks.IGNORED])
    shown = tokenizer.decode(ids)
    assert '{"sky": "clear"}' in shown and '"parameters"' in shown and "Call functions." in shown
    assert "I look it up." in trained and "Clear." in trained and "sky" not in trained
    assert '"parameters"' not in trained
    (found,) = tool_calls(trained)
    assert found["function"]["name"] == "getForecast"
    assert json.loads(found["function"]["arguments"]) == {"city": "Zürich"}
