"""A model from nothing: its tokenizer, its first weights, and the trainer's short way."""

import subprocess
import sys
from pathlib import Path

import pytest

from toolalpaca.models.react import STYLES, render_action, render_answer, render_observation, render_response
from toolalpaca.schema import ToolAlpacaError
from toolalpaca.training import masks, scratch
from toolalpaca.training.tokenizer import train_tokenizer, word_forms

NOUNS = ["pet", "city", "recipe", "match", "parcel", "ticket"]
VERBS = ["find", "list", "cancel"]
ARCHITECTURE = {
    "model_type": "llama",
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
    made = train_tokenizer([m["content"] for c in conversations for m in c], 300)
    made.chat_template = Path("recipes/chat_templates/tiny.jinja").read_text()
    return made


def test_words_are_known_in_all_forms_and_labels_are_one_token(tokenizer, conversations):
    forms = word_forms(tokenizer)
    assert all(len(forms[word]) == 4 for word in NOUNS + VERBS)
    assert tokenizer.tokenize("findPetCity") == ["find", "Pet", "City"]
    style = STYLES["react"]
    for label in (style.thought, f"\n{style.action}", f"\n{style.action_input}", f"\n{style.final}"):
        assert len(tokenizer.encode(label)) == 1
    for text in ("Ünïcode — 漢字 naïve\n\t x  y", *(m["content"] for m in conversations[3])):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_an_unknown_word_has_the_same_pieces_wherever_it_stands(tokenizer):
    def pieces(text: str) -> list[str]:
        return [token.strip("Ġ").lower() for token in tokenizer.tokenize(text)]

    for word in ("axolotl", "freelancer", "montserrat", "q"):
        assert pieces(word) == pieces(f" {word}") == pieces(word.title()) == pieces(f" {word.title()}")
        assert tokenizer.tokenize(f"find{word.title()}Id")[1 : 1 + len(pieces(word))] == tokenizer.tokenize(
            word.title()
        )
    assert tokenizer.unk_token_id is None or tokenizer.unk_token_id not in tokenizer.encode(
        "\0‖#☃ " + "=" * 500
    )


def test_another_process_makes_the_same_tokenizer():
    """Ties between pieces fall differently with every hash seed where a hash map decides them."""
    code = (
        "from toolalpaca.training.tokenizer import train_tokenizer\n"
        f"texts = {[f'{v} {n}{o} {o[::-1]}' for v in VERBS for n in NOUNS for o in NOUNS]}\n"
        "print(train_tokenizer(texts, 60).backend_tokenizer.to_str())"
    )
    made = {subprocess.check_output([sys.executable, "-c", code]) for _ in range(4)}
    assert len(made) == 1


def test_a_prepared_model_looks_behind_what_it_has_seen_before(tokenizer):
    import torch

    torch.manual_seed(0)
    model = scratch.random_model(ARCHITECTURE, tokenizer, "eager")
    scratch.prepare_to_copy(model, tokenizer)
    some = torch.randperm(len(tokenizer))[:30].tolist()
    # Each of the first ten stands before two different ones: only the two last tokens say what comes
    once = torch.tensor([t for i in range(10) for t in (some[10 + i], some[i], some[20 + i])] * 2)
    once[31::3] = once[1:30:3].flip(0)
    with torch.no_grad():
        seen = model(input_ids=torch.cat([once, once])[None], output_attentions=True).attentions
    for head, distance in ((0, 1), (1, 2)):
        back = seen[0][0, head].argmax(-1)  # (120)
        assert back[2:].tolist() == list(range(2 - distance, 120 - distance)), f"a head looks {distance} back"
    behind = seen[1][0, 0, 61::3].argmax(-1)  # (20), where one of the ten comes again after the same token
    assert (behind == torch.arange(2, 61, 3)).float().mean() > 0.2, "one of the second at what came then"
    # `a b c ... a b d a b`: what stood behind the pair long ago is looked at, not what came just now
    a, b, c, d = some[:4]
    again = torch.tensor([a, b, c, *some[4:], a, b, d, a, b])
    with torch.no_grad():
        row = model(input_ids=again[None], output_attentions=True).attentions[1][0, 0, -1]
    assert row[2] > 1.5 * row[len(again) - 3]
    with pytest.raises(ToolAlpacaError, match="copying_init"):
        scratch.prepare_to_copy(
            scratch.random_model({**ARCHITECTURE, "attention_bias": False}, tokenizer), tokenizer
        )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"hidden_sizee": 64}, "llama has no hidden_sizee; the nearest key is hidden_size"),
        ({"num_head": 2}, "llama has no num_head; the nearest key is "),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"model_type": "lama"}, "lama"),
    ],
)
def test_an_architecture_that_transformers_would_not_build_as_written_is_refused(tokenizer, wrong, says):
    with pytest.raises(ToolAlpacaError, match=f"recipe: architecture: .*{says}"):
        scratch.random_model({**ARCHITECTURE, **wrong}, tokenizer)


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
