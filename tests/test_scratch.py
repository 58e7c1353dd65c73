"""A model from nothing: its tokenizer, its first weights, renamed examples, and the trainer's short way."""

import re
from pathlib import Path

import pytest

from toolalpaca.react import STYLES, render_action, render_answer, render_observation, render_response
from toolalpaca.schema import ToolAlpacaError
from toolalpaca.training import masks, scratch

NOUNS = ["pet", "city", "recipe", "match", "parcel", "ticket"]
VERBS = ["find", "list", "cancel"]
ARCHITECTURE = {
    "model_type": "llama",
    "vocab_size": 600,
    "hidden_size": 128,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "attention_bias": True,
    "tie_word_embeddings": True,
    "initializer_range": 0.08,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
}


def conversation(verb: str, noun: str, other: str) -> list[dict[str, str]]:
    """One call that documentation, request, action and answer all name with the same words."""
    name = f"{verb}{noun.title()}{other.title()}"
    action = render_action(f"I need to {verb} the {noun}.", name, f'{{"{noun}Name": "x1"}}')
    return [
        {"role": "system", "content": f"{verb.title()} the {noun} {other}: {name}({noun}Name)"},
        {"role": "user", "content": f"Please {verb} my {noun} {other} x1."},
        {"role": "assistant", "content": action},
        {"role": "user", "content": render_observation(render_response(200, {noun: other}))},
        {"role": "assistant", "content": render_answer("I know.", f"The {noun} is {other}.")},
    ]


@pytest.fixture(scope="module")
def conversations() -> list[list[dict[str, str]]]:
    return [conversation(v, n, o) for v in VERBS for n in NOUNS for o in NOUNS if n != o] * 2


@pytest.fixture(scope="module")
def tokenizer(conversations):
    made = scratch.train_tokenizer([m["content"] for c in conversations for m in c], 600)
    made.chat_template = Path("recipes/chat_templates/tiny.jinja").read_text()
    return made


def encoded(conversations, tokenizer) -> list[dict[str, list[int]]]:
    return [
        dict(zip(("input_ids", "labels"), e, strict=True)) for e in masks.encode(conversations, tokenizer)
    ]


def test_words_are_known_in_all_forms_and_labels_are_one_token(tokenizer, conversations):
    forms = scratch.word_forms(tokenizer)
    assert all(len(forms[word]) == 4 for word in NOUNS + VERBS)
    assert tokenizer.tokenize("findPetCity") == ["find", "Pet", "City"]
    style = STYLES["react"]
    for label in (style.thought, f"\n{style.action}", f"\n{style.action_input}", f"\n{style.final}"):
        assert len(tokenizer.encode(label)) == 1
    for text in ("Ünïcode — 漢字 naïve\n\t x  y", *(m["content"] for m in conversations[3])):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_renamed_examples_agree_with_themselves(tokenizer, conversations):
    from datasets import Dataset

    from toolalpaca.training.renaming import rename_words

    rows = encoded(conversations[:12], tokenizer)
    # Names are rare in a corpus; here every word is in half of the examples
    other = tokenizer.encode("so it is")
    rows += [{"input_ids": other, "labels": [masks.IGNORED] * len(other)}] * 40 * len(rows)
    renamed = rename_words(Dataset.from_list(rows), tokenizer, 1, 1024, seed=0)
    changed = 0
    for row in renamed:
        text = tokenizer.decode(row["input_ids"])
        if "Action" not in text:
            continue
        described, named = re.search(r"<\|system\|>(.*?): (\w+)\(", text).groups()
        called = re.search(r"\nAction: (\w+)\n", text)[1]
        verb, _the, *rest = described.split()
        assert called == named == verb.lower() + "".join(word.title() for word in rest)
        assert re.match("find|list|cancel", called), "what a name begins with stays"
        changed += not re.fullmatch(f"({'|'.join(VERBS)})({'|'.join(n.title() for n in NOUNS)}){{2}}", called)
        assert all(a in (masks.IGNORED, b) for a, b in zip(row["labels"], row["input_ids"], strict=True))
    again = rename_words(Dataset.from_list(rows), tokenizer, 1, 1024, seed=0)
    assert again["input_ids"] == renamed["input_ids"]
    other = rename_words(Dataset.from_list(rows), tokenizer, 1, 1024, seed=1)
    assert other["input_ids"] != renamed["input_ids"]


def test_a_prepared_model_looks_behind_what_it_has_seen_before(tokenizer):
    import torch

    torch.manual_seed(0)
    model = scratch.random_model(ARCHITECTURE, tokenizer, "eager")
    scratch.prepare_to_copy(model, tokenizer)
    once = torch.randperm(len(tokenizer))[:60]
    with torch.no_grad():
        seen = model(input_ids=torch.cat([once, once])[None], output_attentions=True).attentions
    before = seen[0][0, 0].argmax(-1)  # (120)
    assert before[1:].tolist() == list(range(119)), "a head of the first layer looks at the token before"
    behind = seen[1][0, 0, 60:].argmax(-1)  # (60), of the second time each token comes
    assert (behind == torch.arange(1, 61)).float().mean() > 0.9, "one of the second at what came then"
    with pytest.raises(ToolAlpacaError, match="copying_init"):
        scratch.prepare_to_copy(
            scratch.random_model({**ARCHITECTURE, "attention_bias": False}, tokenizer), tokenizer
        )


def test_the_trainers_short_way_gives_trls_loss_and_gradients(tokenizer, conversations, tmp_path):
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from toolalpaca.training.trainer import Trainer

    rows = [
        dict(zip(("input_ids", "labels"), e, strict=True))
        for e in masks.encode(conversations[:12], tokenizer)
    ]
    found = []
    for kind in (SFTTrainer, Trainer):
        torch.manual_seed(0)
        model = scratch.random_model(ARCHITECTURE, tokenizer, "sdpa")
        args = SFTConfig(
            str(tmp_path), max_length=256, packing=True, use_cpu=True, bf16=False, report_to="none",
            per_device_train_batch_size=1, gradient_accumulation_steps=2, max_steps=3, logging_steps=1,
            learning_rate=1e-2, save_strategy="no", disable_tqdm=True, shuffle_dataset=False,
            activation_checkpointing=False, optim="sgd",
        )  # fmt: skip
        trainer = kind(
            model=model, args=args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer
        )
        trainer.train()
        log = [row for row in trainer.state.log_history if "loss" in row]
        found.append((log, {name: value.detach() for name, value in model.state_dict().items()}))
    for theirs, ours in zip(found[0][0], found[1][0], strict=True):
        for name in ("loss", "grad_norm", "mean_token_accuracy", "num_tokens"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3), name
    for name, value in found[0][1].items():
        assert torch.allclose(value, found[1][1][name], atol=1e-4), name
