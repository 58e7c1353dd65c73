"""Training that really happens: the script as users start it, on a tiny model and the CPU."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from fake_hub import FakeHub

from toolalpaca.dataset import training_rows
from toolalpaca.dataset.tasks import to_task
from toolalpaca.files import read_jsonl, write_jsonl
from toolalpaca.schema import Function, Instance, Parameter, Step, Tool, ToolAlpacaError, to_row
from toolalpaca.training import checkpoints

ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "recipes" / "sft.py")
PLAIN = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}

# Settings that every run of this file shares; `tiny` gives the rest.
RECIPE = {
    **yaml.safe_load((ROOT / "recipes/tiny/sft.yaml").read_text()),
    "chat_template_path": str(ROOT / "recipes/chat_templates/tiny.jinja"),
    "max_length": 256,
    "global_batch_size": 4,
    "per_device_train_batch_size": 2,
    "max_steps": 6,
    "logging_steps": 1,
    "save_steps": 2,
    "learning_rate": 1e-2,
    "disable_tqdm": True,
    "use_cpu": True,
}
SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3}
SMALL |= {"num_attention_heads": 2, "num_key_value_heads": 1}
LORA = {
    "use_peft": True,
    "lora_r": 4,
    "lora_target_modules": "all-linear",
    "lora_dropout": 0.0,
    "merge_adapter": True,
}


def tool(number: int, functions: int = 3) -> Tool:
    made = []
    for k in range(functions):
        parameter = Parameter("city", "query", True, {"type": "string"}, "Name of the city")
        signature = (
            f'get{k}Of{number}: Gets it.\nParameters: {{"city": "Required. string. Name of the city."}}'
        )
        made.append(
            Function(
                f"get{k}Of{number}",
                "Gets it.",
                "get",
                "/x",
                [parameter],
                signature + "\nOutput: It.",
                signature,
            )
        )
    return Tool(f"t{number}", f"Tool {number}", "Weather", "", "", "", "", "{}", made)


def instance(made: Tool, number: int) -> Instance:
    city = ["Paris", "Oslo", "Rome", "Bern"][number % 4]
    step = Step(
        "I look it up.",
        made.functions[number % 3].name,
        json.dumps({"city": city}),
        f"Status Code: 200. {city}",
        status=200,
    )
    return Instance(
        f"{made.tool_id}/{number}", made.tool_id, f"What of {city}?", [step], "I know.", f"{city} it is."
    )


def write_dataset(folder: Path, rows: list[dict], config: str = "sft") -> str:
    import datasets

    from toolalpaca.dataset.features import FEATURES

    (folder / config).mkdir(parents=True, exist_ok=True)
    features = FEATURES[config] if config == "sft_tools" else None  # their arguments are JSON, not structs
    datasets.Dataset.from_list(rows, features=features).to_parquet(folder / config / "train.parquet")
    files = [{"split": "train", "path": f"{config}/train.parquet"}]
    header = {"configs": [{"config_name": config, "data_files": files}]}
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump(header)}---\n")
    return str(folder)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> str:
    tools = [tool(n) for n in range(6)]
    rows = [
        training_rows.react_row(t, instance(t, n), detail="compact", builtins=[])
        for t in tools
        for n in range(8)
    ]
    return write_dataset(tmp_path_factory.mktemp("data"), rows)


def recipe(folder: Path, **changes) -> list[str]:
    """Write a recipe and return the arguments that use it."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {**RECIPE, **changes}
    if "model_name_or_path" in changes:
        settings.pop("architecture")
        settings.pop("chat_template_path")
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in settings.items() if v is not None}))
    return ["--config", str(path)]


def train(arguments: list[str], script: str | Path = SCRIPT) -> int:
    """Run recipes/sft.py, or another script, in this process, as a command line would."""
    before = sys.argv
    sys.argv = [str(script), *arguments]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as ended:
        return ended.code
    finally:
        sys.argv = before
    raise AssertionError("the script did not exit")


def curve(folder: Path) -> dict[int, float]:
    return {row["step"]: row["loss"] for row in read_jsonl(folder / "metrics.jsonl") if "loss" in row}


def weights(folder: Path):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def scratch(dataset, tmp_path_factory) -> Path:
    """A model trained from nothing for six steps: the uninterrupted run, and the base of the others."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("scratch")
    architecture = {**RECIPE["architecture"], **SMALL}
    out = folder / "model"
    assert train(recipe(folder, architecture=architecture, dataset_name=dataset, output_dir=str(out))) == 0
    return out


def test_a_model_from_nothing_learns_and_is_reloaded_by_transformers(scratch):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    losses = curve(scratch)
    assert sorted(losses) == [1, 2, 3, 4, 5, 6]
    assert losses[6] < losses[1] - 0.3
    model, tokenizer = AutoModelForCausalLM.from_pretrained(scratch), AutoTokenizer.from_pretrained(scratch)
    assert model.config.model_type == "llama"
    assert model.config.vocab_size == len(tokenizer)
    messages = [{"role": "user", "content": "What of Rome?"}]
    asked = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    said = model.generate(**asked, max_new_tokens=4)
    assert said.shape[1] <= asked["input_ids"].shape[1] + 4
    assert "generation" in tokenizer.chat_template


def test_started_again_a_finished_run_does_nothing_and_another_is_refused(scratch, dataset, capsys):
    arguments = ["--config", str(scratch.parent / "recipe.yaml")]
    stamp = (scratch / "model.safetensors").stat().st_mtime_ns
    assert train(arguments) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert train([*arguments, "--learning_rate", "0.5"]) == 2
    assert "learning_rate" in capsys.readouterr().err
    assert (scratch / "model.safetensors").stat().st_mtime_ns == stamp


def test_a_folder_in_which_nothing_was_trained_is_free_for_other_settings(tmp_path):
    assert not checkpoints.claim(tmp_path, {"max_length": 4096})  # and it ran out of memory
    assert not checkpoints.claim(tmp_path, {"max_length": 2048})
    checkpoint = tmp_path / "checkpoint-2"
    checkpoint.mkdir()
    (checkpoint / "trainer_state.json").write_text('{"global_step": 2}')
    with pytest.raises(ToolAlpacaError, match="max_length"):
        checkpoints.claim(tmp_path, {"max_length": 4096})
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolAlpacaError, match="cannot be written"):
        checkpoints.claim(tmp_path / "file" / "model", {})


def test_a_dataset_built_anew_is_read_anew(tmp_path):
    from toolalpaca.training import examples

    for place, city in (
        ("one", "Paris"),
        ("two", "Oslo"),
        ("two", "Bern"),
    ):  # datasets' own cache gives Paris
        rows = [{"messages": [{"role": "user", "content": city}]}]
        folder = write_dataset(tmp_path / place / "dataset", rows)
        assert examples.load_rows(folder, "sft", "train")[0]["messages"][0]["content"] == city


def test_killed_in_mid_training_and_resumed_it_ends_as_if_nothing_had_been(scratch, dataset, tmp_path):
    import torch

    architecture = {**RECIPE["architecture"], **SMALL}
    out = tmp_path / "model"
    arguments = recipe(tmp_path, architecture=architecture, dataset_name=dataset, output_dir=str(out))
    process = subprocess.Popen(
        [sys.executable, SCRIPT, *arguments],
        env={**os.environ, **PLAIN},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.time() + 240
    while not (out / "checkpoint-4" / "trainer_state.json").exists() and process.poll() is None:
        assert time.time() < deadline, "no checkpoint"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # whatever the kill left behind, a torn checkpoint is there as well
    torn = out / "checkpoint-5"
    torn.mkdir(exist_ok=True)
    (torn / "model.safetensors").write_bytes(b"half")
    assert train(arguments) == 0
    assert curve(out) == pytest.approx(curve(scratch), rel=1e-4)
    expected, found = weights(scratch), weights(out)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)
    steps = [row["step"] for row in read_jsonl(out / "metrics.jsonl")]
    assert steps == sorted(steps)


@pytest.mark.parametrize("torn", ["model.safetensors", "optimizer.pt"])
def test_a_checkpoint_whose_files_lost_their_end_is_passed_over(scratch, dataset, tmp_path, torn, capsys):
    import torch

    out = tmp_path / "model"
    shutil.copytree(scratch, out)
    whole = (out / "checkpoint-6" / torn).read_bytes()
    (out / "checkpoint-6" / torn).write_bytes(whole[: len(whole) // 2])
    assert checkpoints.last_complete(out) == str(out / "checkpoint-4")
    (out / "run.json").write_text((out / "run.json").read_text()[:40])  # which said that it had finished
    architecture = {**RECIPE["architecture"], **SMALL}
    assert train(recipe(tmp_path, architecture=architecture, dataset_name=dataset, output_dir=str(out))) == 0
    assert "run.json is torn: it is written anew" in capsys.readouterr().out
    assert checkpoints.last_complete(out) == str(out / "checkpoint-6")
    for name, value in weights(scratch).items():
        torch.testing.assert_close(weights(out)[name], value, rtol=1e-4, atol=1e-5)


def test_an_adapter_is_merged_into_the_revision_that_it_was_trained_on(scratch, dataset, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    cache = tmp_path / "hf" / "hub" / "models--acme--base"
    revisions = {"main": "a" * 40, "older": "b" * 40}
    for branch, commit in revisions.items():
        (cache / "refs").mkdir(parents=True, exist_ok=True)
        (cache / "refs" / branch).write_text(commit)
        shutil.copytree(scratch, cache / "snapshots" / commit, ignore=shutil.ignore_patterns("checkpoint-*"))
    older = cache / "snapshots" / revisions["older"]
    save_file(
        {name: value * 0.9 for name, value in weights(scratch).items()},
        older / "model.safetensors",
        {"format": "pt"},
    )
    out = tmp_path / "model"
    arguments = recipe(
        tmp_path,
        model_name_or_path="acme/base",
        model_revision="older",
        dataset_name=dataset,
        output_dir=str(out),
        max_steps=1,
        **LORA,
    )
    subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        env={**os.environ, **PLAIN, "HF_HOME": str(tmp_path / "hf")},
        check=True,
    )
    name = "model.embed_tokens.weight"
    merged = load_file(out / "merged" / "model.safetensors")
    assert torch.equal(merged[name], weights(older)[name])


@pytest.mark.parametrize("quantized", [False, True], ids=["lora", "qlora"])
def test_adapters_are_trained_over_a_frozen_base_merged_and_reloaded(scratch, dataset, tmp_path, quantized):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "model"
    more = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"} if quantized else {}
    arguments = recipe(
        tmp_path,
        model_name_or_path=str(scratch),
        dataset_name=dataset,
        output_dir=str(out),
        max_steps=3,
        **LORA,
        **more,
    )
    assert train(arguments) == 0
    assert (out / "adapter_model.safetensors").is_file()
    assert not (out / "model.safetensors").exists()
    base, merged = weights(scratch), weights(out / "merged")
    changed = {name for name, value in base.items() if not torch.equal(value, merged[name])}
    assert changed
    assert all("proj" in name for name in changed)
    model = AutoModelForCausalLM.from_pretrained(out / "merged")
    adapted = AutoModelForCausalLM.from_pretrained(out)
    ids = AutoTokenizer.from_pretrained(out / "merged")("Thought: I look", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits, adapted(ids).logits, rtol=1e-3, atol=1e-3)

    made = tool(0)
    write_jsonl(tmp_path / "tasks" / "tasks.jsonl", [to_row(to_task(instance(made, 0)))])
    write_jsonl(tmp_path / "tasks" / "toolset.jsonl", [to_row(made)])
    asked = [
        "--model",
        f"hf/{out}/merged",
        "--tasks",
        str(tmp_path / "tasks"),
        "--out",
        str(tmp_path / "eval"),
    ]
    assert train([*asked, "--max_steps", "1", "--max_tokens", "8"], ROOT / "eval" / "run_agent.py") == 0
    (episode,) = read_jsonl(tmp_path / "eval" / "episodes.jsonl")
    assert episode["outcome"] != "failed"


def test_two_processes_train_the_same_batches_as_one_and_push_one_model(scratch, dataset, tmp_path):
    architecture = {**RECIPE["architecture"], **SMALL}
    out = tmp_path / "model"
    arguments = recipe(tmp_path, architecture=architecture, dataset_name=dataset, output_dir=str(out))
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file"]
    launch += [str(ROOT / "accelerate_configs/cpu.yaml"), "--num_processes", "2", "--multi_gpu"]
    hub = FakeHub()
    online = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [*launch, SCRIPT, *arguments, "--push_to_hub", "true", "--hub_model_id", "acme/tiny"],
        env={**os.environ, **PLAIN, **online, "HF_HOME": str(tmp_path / "hf")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    hub.close()
    assert done.returncode == 0, done.stderr[-3000:]
    assert hub.files("acme/tiny")["model.safetensors"] == (out / "model.safetensors").read_bytes()
    assert {"README.md", "tokenizer.json", "metrics.jsonl"} <= set(hub.files("acme/tiny"))
    assert hub.token.encode() not in b"".join(hub.files("acme/tiny").values())
    assert curve(out)[1] == pytest.approx(curve(scratch)[1], rel=1e-3)
    assert curve(out)[6] == pytest.approx(curve(scratch)[6], rel=0.05)
    assert weights(out).keys() == weights(scratch).keys()


def test_without_a_network_one_line_says_so(scratch, dataset, tmp_path):
    for name, changes in (
        ("some/dataset", {"dataset_name": "some/dataset", "model_name_or_path": str(scratch)}),
        ("some/model", {"dataset_name": dataset, "model_name_or_path": "some/model"}),
    ):
        arguments = recipe(tmp_path, output_dir=str(tmp_path / "never"), **changes)
        done = subprocess.run(
            [sys.executable, SCRIPT, *arguments, "--dry_run"],
            env={**os.environ, **PLAIN, "HF_HOME": str(tmp_path / "hf")},
            capture_output=True,
            text=True,
            check=False,
        )
        last = done.stderr.strip().splitlines()[-1]
        assert done.returncode == 2
        assert last.startswith("error: ")
        assert name in last
        assert "Traceback" not in done.stderr


def flash_attention():
    from transformers.utils import is_flash_attn_2_available

    reason = "flash_attn is not installed, or there is no GPU for it"
    return pytest.param(
        "flash_attention_2", marks=pytest.mark.skipif(not is_flash_attn_2_available(), reason=reason)
    )


@pytest.mark.parametrize("attention", ["packed", "sdpa", "eager", flash_attention()])
def test_a_conversation_in_a_pack_has_the_loss_it_has_alone(scratch, dataset, attention):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    from toolalpaca.training import attention as _registers  # noqa: F401
    from toolalpaca.training import examples

    tokenizer = AutoTokenizer.from_pretrained(scratch)
    flash = attention == "flash_attention_2"  # on a GPU, in half precision
    device, dtype, close = ("cuda", torch.bfloat16, 3e-2) if flash else ("cpu", torch.float32, 1e-4)
    model = AutoModelForCausalLM.from_pretrained(scratch, attn_implementation=attention, dtype=dtype)
    model = model.to(device).eval()
    rows, _ = examples.prepare(examples.load_rows(dataset, "sft", "train").select(range(5)), tokenizer, 256)
    collate = DataCollatorForLanguageModeling(tokenizer.pad_token_id, padding_free=True)
    alone = AutoModelForCausalLM.from_pretrained(scratch, attn_implementation="eager").eval()

    def losses(network, **inputs):
        labels = inputs.pop("labels")
        with torch.no_grad():
            inputs = {k: v.to(device) if hasattr(v, "to") else v for k, v in inputs.items()}
            logits = network.to(device)(**inputs, use_cache=False).logits
            logits = logits.float().cpu()
        return torch.nn.functional.cross_entropy(
            logits[0, :-1], labels[0, 1:], reduction="none", ignore_index=-100
        )

    packed = losses(model, **collate([{k: rows[i][k] for k in ("input_ids", "labels")} for i in range(5)]))
    start = 0
    for row in rows:
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
        expected = losses(alone, input_ids=ids, labels=labels)
        torch.testing.assert_close(packed[start : start + len(expected)], expected, rtol=close, atol=close)
        start += ids.shape[1]


def test_too_long_an_example_loses_unused_documentation_first_and_is_never_cut(scratch, tmp_path):
    from transformers import AutoTokenizer

    from toolalpaca.training import examples, masks

    tokenizer = AutoTokenizer.from_pretrained(scratch)
    wide = tool(9, functions=30)
    endless = instance(wide, 1)
    endless.final_output = "word " * 600
    both = [
        training_rows.react_row(wide, made, detail="compact", builtins=[])
        for made in (instance(wide, 0), endless)
    ]
    rows = examples.load_rows(write_dataset(tmp_path / "d", both), "sft", "train")
    ((whole, _),) = masks.encode([rows[0]["messages"]], tokenizer)
    limit = len(whole) - 20
    kept, counts = examples.prepare(rows, tokenizer, limit)
    assert (counts.examples, counts.trimmed, counts.dropped) == (1, 1, 1)
    assert counts.longest <= limit
    text = tokenizer.decode(kept[0]["input_ids"])
    assert text.endswith("Final Answer: Paris it is.<|end|>")
    used = "get0Of9"
    assert f"{used}: " in text
    assert "get29Of9: " not in text
    assert text.count(": Gets it.") > 20, "no more is left out than must be"


def test_a_share_of_the_examples_ends_with_the_last_call():
    import datasets

    from toolalpaca.training import examples

    head = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    call, answer = ({"role": "assistant", "content": content} for content in ("call", "answer"))
    full = [*head, call, {"role": "user", "content": "seen"}, answer]
    rows = datasets.Dataset.from_list([{"messages": full}] * 100 + [{"messages": [*head, answer]}] * 100)
    assert examples.shortened(rows, 1.0) is rows
    said = [[m["content"] for m in row] for row in examples.shortened(rows, 0.3)["messages"]]
    short = said[:100].count(["s", "u", "call"])
    assert short == pytest.approx(70, abs=2)
    assert sum(text[-1] == "answer" for text in said[:100]) == 100 - short
    assert {tuple(text) for text in said[100:]} == {("s", "u", "answer")}


def test_a_dry_run_tells_what_would_happen_and_writes_nothing(scratch, dataset, tmp_path, capsys):
    out = tmp_path / "never"
    arguments = recipe(tmp_path, model_name_or_path=str(scratch), dataset_name=dataset, output_dir=str(out))
    config = str(ROOT / "accelerate_configs/fsdp.yaml")
    assert train([*arguments, "--dry_run", "--accelerate_config", config, "--global_batch_size", "16"]) == 0
    told = capsys.readouterr().out
    assert "«Thought: I look it up." in told
    for word in ("tokens ", "limit ", "layout ", "batch ", "steps ", "memory "):
        assert f"\n{word}" in told
    assert "= 2 per device x 1 accumulated x 8 processes" in told
    assert not out.exists()


def test_mistakes_end_in_one_line_and_leave_nothing(scratch, dataset, tmp_path, capsys):
    out = tmp_path / "never"
    for changes, word in (
        ({"dataset_name": str(tmp_path / "nowhere")}, "nowhere"),
        ({"dataset_config": "nothing"}, "nothing"),
        ({"dataset_train_split": "nothing"}, "nothing"),
        ({"model_name_or_path": str(tmp_path / "no-model")}, "no-model"),
        ({"max_length": 8}, "max_length"),
        ({"chat_template_path": "missing.jinja"}, "missing.jinja"),
    ):
        settings = {
            "model_name_or_path": str(scratch),
            "dataset_name": dataset,
            "output_dir": str(out),
            **changes,
        }
        arguments = recipe(tmp_path / word, **settings)
        if "chat_template_path" in changes:
            arguments += ["--chat_template_path", changes["chat_template_path"]]
        assert train(arguments) == 2, word
        captured = capsys.readouterr().err.strip().splitlines()
        assert captured[-1].startswith("error: ")
        assert word in captured[-1]
        assert not out.exists()
