"""Every recipe and accelerate config is readable, consistent and described truthfully."""

import re
from pathlib import Path

import pytest
import torch
import yaml

from toolalpaca.schema import ToolAlpacaError
from toolalpaca.training import memory
from toolalpaca.training.recipe import parse_recipe, split_batch

ROOT = Path(__file__).parents[2]
RECIPES = sorted(ROOT.glob("recipes/*/*.yaml"))
CONFIGS = sorted(ROOT.glob("accelerate_configs/*.yaml"))
SHAPES = yaml.safe_load((ROOT / "recipes" / "architectures.yaml").read_text())


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def parse(path: Path, tmp_path: Path, *more: str):
    return parse_recipe(["--config", str(path), "--output_dir", str(tmp_path), "--use_cpu", *more])


@pytest.mark.parametrize("path", RECIPES, ids=name)
def test_recipes_hold_known_keys_and_files_that_exist(path, tmp_path):
    _, args, model, recipe = parse(path, tmp_path)
    # without a template of ours it is the model's own, with the tools of native function calls
    assert (ROOT / args.chat_template_path).is_file() if args.chat_template_path else path.stem == "tools"
    assert recipe.architecture or model.model_name_or_path in SHAPES
    assert split_batch(recipe.global_batch_size, args.per_device_train_batch_size, 1)


def test_vicuna_recipes_hold_the_settings_of_the_paper(tmp_path):
    for size in ("7b", "13b"):
        for variant in ("full", "lora", "qlora"):
            _, args, model, recipe = parse(ROOT / f"recipes/vicuna-{size}/{variant}.yaml", tmp_path)
            assert (args.num_train_epochs, recipe.global_batch_size, args.max_length) == (3, 128, 2048)
            assert (args.lr_scheduler_type, args.warmup_steps, args.weight_decay) == ("cosine", 0.03, 0.0)
            assert args.bf16
            assert args.learning_rate == 2e-5 or variant != "full"
            assert (model.use_peft, model.load_in_4bit) == (variant != "full", variant == "qlora")


def test_the_command_line_overrides_the_recipe(tmp_path):
    _, args, *_ = parse(ROOT / "recipes/vicuna-7b/full.yaml", tmp_path, "--learning_rate", "1e-6")
    assert args.learning_rate == 1e-6


@pytest.mark.parametrize("more", [["--learning_rat", "1"], ["--nonsense", "2"], ["--max_length", "many"]])
def test_an_unknown_argument_is_refused(more, tmp_path, capsys):
    with pytest.raises((ToolAlpacaError, SystemExit)):
        parse(RECIPES[0], tmp_path, *more)


def test_an_unknown_key_of_a_recipe_is_refused(tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text((ROOT / "recipes/tiny/sft.yaml").read_text() + "\nlerning_rate: 1.0\n")
    with pytest.raises(ToolAlpacaError, match="lerning_rate"):
        parse(recipe, tmp_path)


@pytest.mark.skipif(torch.accelerator.is_available(), reason="is about machines without a GPU")
def test_without_a_gpu_a_dry_run_goes_and_a_mistake_is_named(tmp_path):
    recipe = tmp_path / "r.yaml"
    text = (ROOT / "recipes/smollm2-135m/full.yaml").read_text() + f"\noutput_dir: {tmp_path}\n"
    for extra, more in (("", ["--dry_run"]), ("", ["--dry_run=true"]), ("dry_run: true\n", [])):
        recipe.write_text(text + extra)
        _, args, _, ours = parse_recipe(["--config", str(recipe), *more])
        assert ours.dry_run and args.bf16
    for extra, more, word in (
        ("", [], "bf16"),
        ("", ["--lerning_rate", "1"], "lerning_rate"),
        ("lerning_rate: 1.0\n", [], "lerning_rate"),
    ):
        recipe.write_text(text + extra)
        with pytest.raises(ToolAlpacaError, match=word):
            parse_recipe(["--config", str(recipe), *more])


@pytest.mark.parametrize(
    ("path", "more", "word"),
    [
        ("tiny/sft", ["--assistant_only_loss", "false"], "assistant_only_loss"),
        ("tiny/sft", ["--packing_strategy", "wrapped"], "cuts through answers"),
        ("tiny/sft", ["--max_length", "null"], "max_length"),
        ("tiny/sft", ["--gradient_accumulation_steps", "3"], "global_batch_size"),
        ("tiny/sft", ["--max_steps", "0"], "nothing to train"),
        ("tiny/sft", ["--answer_share", "1.5"], "from 0 to 1"),
        ("tiny/sft", ["--eval_strategy", "steps"], "eval_strategy"),
        ("tiny/sft", ["--dataset_streaming"], "dataset_streaming"),
        ("tiny/sft", ["--report_to", "nonsense"], "nonsense"),
        ("tiny/sft", ["--resume_from_checkpoint", "nowhere"], "nowhere"),
        ("tiny/sft", ["--load_in_4bit", "true"], "use_peft"),
        ("tiny/sft", ["--model_name_or_path", "a/b"], "either"),
        ("tiny/sft", ["--accelerate_config", "accelerate_configs/ddp.yaml"], "accelerate launch"),
        ("vicuna-7b/full", ["--merge_adapter", "true"], "merge_adapter"),
        ("vicuna-7b/qlora", ["--use_peft", "false"], "use_peft"),
    ],
)
def test_settings_that_would_be_ignored_or_fail_late_are_refused(path, more, word, tmp_path):
    with pytest.raises(ToolAlpacaError, match=word):
        parse(ROOT / f"recipes/{path}.yaml", tmp_path, *more)


def test_the_cpu_config_trains_a_recipe_for_gpus_on_the_cpu(tmp_path, monkeypatch):
    monkeypatch.setenv(
        "ACCELERATE_USE_CPU", "True"
    )  # what accelerate launch sets for accelerate_configs/cpu.yaml
    _, args, *_ = parse_recipe(
        ["--config", str(ROOT / "recipes/smollm2-135m/full.yaml"), "--output_dir", str(tmp_path)]
    )
    assert args.use_cpu and args.bf16


@pytest.mark.parametrize("text", ["- a list", "a: [1", ""])
def test_a_recipe_that_is_no_mapping_is_refused_in_one_line(tmp_path, text):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(text)
    with pytest.raises(ToolAlpacaError):
        parse(recipe, tmp_path)
    with pytest.raises(ToolAlpacaError, match="does not exist"):
        parse(tmp_path / "missing.yaml", tmp_path)


@pytest.mark.parametrize(
    ("batch", "limit", "processes", "expected"),
    [
        (128, 4, 8, (4, 4)),
        (128, 16, 1, (16, 8)),
        (128, 3, 8, (2, 8)),
        (8, 16, 8, (1, 1)),
        (96, 4, 8, (4, 3)),
        (7, 4, 1, (1, 7)),
    ],
)
def test_the_global_batch_is_kept_over_any_number_of_processes(batch, limit, processes, expected):
    assert split_batch(batch, limit, processes) == expected
    assert expected[0] * expected[1] * processes == batch


@pytest.mark.parametrize(("batch", "processes"), [(128, 3), (4, 8), (0, 1)])
def test_an_impossible_batch_is_refused_with_the_nearest_possible(batch, processes):
    with pytest.raises(ToolAlpacaError) as refused:
        split_batch(batch, 4, processes)
    suggested = [int(n) for n in re.findall(r"set global_batch_size to (\d+)", str(refused.value))]
    assert all(n % processes == 0 for n in suggested)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_accelerate_reads_every_config_and_launches_with_every_key(path):
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    sharding = memory.read_sharding(path)
    config = load_config_from_file(str(path))
    assert sharding.processes == config.num_processes
    options = {option.dest for option in launch_command_parser()._actions}
    assert {*config.fsdp_config, *config.deepspeed_config} <= options
    assert config.mixed_precision == ("no" if path.stem == "cpu" else "bf16")


@pytest.mark.parametrize("path", [p for p in CONFIGS if "fsdp" in p.stem], ids=lambda path: path.stem)
def test_fsdp_configs_shard_the_layers_of_every_architecture(path, monkeypatch):
    import os

    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils import FullyShardedDataParallelPlugin
    from accelerate.utils.launch import prepare_multi_gpu_env

    command = ["--config_file", str(path), "--machine_rank", "0", "--main_process_ip", "127.0.0.1", "sft.py"]
    args, *_ = _validate_launch_command(launch_command_parser().parse_args(command))
    args.module = args.no_python = False
    monkeypatch.setattr(os, "environ", prepare_multi_gpu_env(args))
    plugin = FullyShardedDataParallelPlugin()
    assert (plugin.fsdp_version, plugin.reshard_after_forward) == (2, True)
    assert type(plugin.cpu_offload).__name__ == (
        "CPUOffloadPolicy" if "40gb" in path.stem else "OffloadPolicy"
    )
    assert args.num_machines * 8 == args.num_processes == (16 if "multi_node" in path.stem else 8)
    for shape in SHAPES.values():
        model = memory.meta_model(shape)
        plugin = FullyShardedDataParallelPlugin()
        plugin.set_auto_wrap_policy(model)
        wrapped = plugin.auto_wrap_policy.keywords["transformer_layer_cls"]
        assert {type(layer) for layer in model.model.layers} == set(wrapped)


def test_a_config_with_an_unknown_key_is_refused(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text((ROOT / "accelerate_configs/ddp.yaml").read_text() + "num_proceses: 4\n")
    with pytest.raises(ToolAlpacaError, match="num_proceses"):
        memory.read_sharding(bad)
    with pytest.raises(ToolAlpacaError, match="does not exist"):
        memory.read_sharding(tmp_path / "missing.yaml")


def test_shapes_have_the_sizes_their_names_promise():
    promised = {
        "7b": 6.74e9,
        "13b": 13.0e9,
        "3-4B": 4.02e9,
        "3-8B": 8.19e9,
        "3.1-8B": 8.03e9,
        "135M": 134.5e6,
        "3-270m": 268.1e6,
    }
    for part, size in promised.items():
        (model,) = [m for m in SHAPES if part in m and not m.startswith("models/")]
        count = sum(p.numel() for p in memory.meta_model(SHAPES[model]).parameters())
        assert count == pytest.approx(size, rel=0.01)


def table_rows() -> list[list[str]]:
    lines = (ROOT / "recipes" / "README.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in cells if len(row) == 6 and "](" in row[1]]


def test_the_table_names_every_recipe():
    listed = {re.search(r"\((.+)\.yaml\)", row[1])[1] for row in table_rows()}
    assert listed == {name(path) for path in RECIPES}


@pytest.mark.parametrize("row", table_rows(), ids=lambda row: f"{row[0]}-{row[2]}")
def test_the_table_states_the_batch_and_memory_that_the_library_reckons(row, tmp_path):
    path = re.search(r"\((.+)\)", row[1])[1]
    _, args, model, recipe = parse(ROOT / "recipes" / path, tmp_path)
    sharding = memory.read_sharding(ROOT / f"accelerate_configs/{row[2]}.yaml")
    split = split_batch(recipe.global_batch_size, args.per_device_train_batch_size, sharding.processes)
    assert row[4] == f"{split[0]} x {split[1]}"
    estimated = memory.estimate(
        recipe.architecture or SHAPES[model.model_name_or_path],
        sharding,
        tokens=split[0] * args.max_length,
        dtype_bytes=2 if model.dtype == "bfloat16" else 4,
        lora={"r": model.lora_r, "target_modules": model.lora_target_modules} if model.use_peft else None,
        quantized=model.load_in_4bit,
        checkpointing=bool(args.activation_checkpointing),
        autocast=args.bf16,
    )
    assert float(row[5]) == pytest.approx(estimated.total / memory.GIB, abs=0.051)


@pytest.mark.parametrize("weights", ["bfloat16", "float32"])
def test_a_layer_keeps_as_much_for_the_backward_pass_as_memory_reckons(weights):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from toolalpaca.training import attention

    shape = {"model_type": "llama", "vocab_size": 97, "hidden_size": 256, "intermediate_size": 688}
    shape |= {"num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 4}
    config = AutoConfig.for_model(**shape)
    model = AutoModelForCausalLM.from_config(config, attn_implementation=attention.NAME)
    model.to(getattr(torch, weights))
    own = {size for p in model.parameters() for size in (p.shape, p.shape[::-1])}  # and autocast's copies
    tokens, kept = 64, {}

    def keep(tensor):
        if tensor.shape not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor  # held, so that no address is used again
        return tensor

    borders = torch.tensor([0, tokens], dtype=torch.int32)
    given = {f"cu_seq_lens_{side}": borders for side in "qk"} | {
        f"max_length_{side}": tokens for side in "qk"
    }
    ids, positions = torch.randint(0, 97, (1, tokens)), torch.arange(tokens)[None]
    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with torch.autocast("cpu", torch.bfloat16), hooks:
        model.model(ids, position_ids=positions, use_cache=False, **given)
    found = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    sharding = memory.Sharding(2, "FSDP" if weights == "bfloat16" else "NO")  # which FSDP computes with
    reckoned = memory.estimate(shape, sharding, tokens=tokens, checkpointing=False).activations
    assert reckoned == pytest.approx(found, rel=0.07)  # on the CPU attention keeps a little less
    linear = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear))
    copies = memory.estimate(shape, memory.Sharding(), tokens=tokens).working
    assert copies == 2 * linear, "autocast's, of every matrix that is trained"
    half = memory.estimate(shape, sharding, tokens=tokens, every_n_layers=2).activations
    assert memory.estimate(shape, sharding, tokens=tokens).activations < half < reckoned


@pytest.mark.parametrize("size", ["vicuna-7b", "vicuna-13b", "qwen3-4b", "qwen3-8b", "llama3.1-8b"])
def test_gradients_stay_sharded_between_the_batches_of_a_step(size, tmp_path):
    from accelerate.utils import GradientAccumulationPlugin

    _, args, *_ = parse(ROOT / f"recipes/{size}/full.yaml", tmp_path)
    # else FSDP2 keeps the whole model's gradients on every GPU, in bf16
    plugin = GradientAccumulationPlugin(**args.accelerator_config.gradient_accumulation_kwargs)
    assert plugin.sync_each_batch


def test_memory_is_that_of_the_model_as_fsdp_shards_it():
    import subprocess
    import sys

    check = """
import torch, torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.distributed.fsdp import fully_shard
from toolalpaca.training import memory
shape = {"model_type": "llama", "vocab_size": 103, "hidden_size": 40, "intermediate_size": 50,
         "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}
dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=8)
mesh = dist.device_mesh.init_device_mesh("cpu", (8,))
model = memory.meta_model(shape)
for layer in model.model.layers:
    fully_shard(layer, mesh=mesh)
fully_shard(model, mesh=mesh)
local = sum(p.to_local().numel() for p in model.parameters())
found = memory.estimate(shape, memory.Sharding(8, "FSDP"), tokens=8)
assert found.parameters == 4 * local == found.gradients, (found, local)
assert found.optimizer == 8 * local
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
