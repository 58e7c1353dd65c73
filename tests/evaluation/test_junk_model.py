"""A model that writes noise behind a real endpoint: every row ends as a labelled failure."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

APIS = [
    {
        "name": "Tides",
        "description": "Tide times of harbours.",
        "category": "Weather",
        "link": "https://a.example",
    },
    {"name": "Spices", "description": "Facts about spices.", "category": "Food", "link": "https://b.example"},
]
# One process makes the checkpoint and becomes `transformers serve`: torch takes seconds to import.
MAKE_AND_SERVE = """
import sys
from pathlib import Path
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

torch.manual_seed(0)
pieces = ByteLevelBPETokenizer()
texts = [path.read_text(encoding="utf-8") for path in Path(sys.argv[2]).glob("*.jinja")]
pieces.train_from_iterator(texts, vocab_size=1024, special_tokens=["<s>", "</s>"], show_progress=False)
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=pieces._tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
)
tokenizer.chat_template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}"
tokenizer.save_pretrained(sys.argv[1])
shape = LlamaConfig(
    vocab_size=1024, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
    max_position_embeddings=65536, bos_token_id=0, eos_token_id=1, pad_token_id=1,
)
LlamaForCausalLM(shape).save_pretrained(sys.argv[1])
where = ["--device", "cpu", "--host", "127.0.0.1", "--port", sys.argv[3]]
sys.argv = ["transformers", "serve", sys.argv[1], *where]
from transformers.cli.transformers import main

main()
"""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    """The environment of a process that talks to `transformers serve`, and the model's name there."""
    folder = tmp_path_factory.mktemp("junk")
    checkpoint = folder / "checkpoint"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf")}
    prompts = ROOT / "toolalpaca" / "prompts"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "serve.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", MAKE_AND_SERVE, checkpoint, prompts, str(port)],
            stdout=log,
            stderr=log,
            env=environment,
        )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, (folder / "serve.log").read_text()
                time.sleep(0.1)
        else:
            pytest.fail("transformers serve did not come up within a minute")
        models = folder / "models.yaml"
        models.write_text(
            f"default: {{model: openai/{checkpoint}, max_tokens: 24, temperature: 1.0, max_tries: 3, "
            f"base_url: http://127.0.0.1:{port}/v1}}\n"
        )
        yield environment | {"OPENAI_API_KEY": "not-checked"}, models
    finally:
        server.terminate()
        server.wait(timeout=10)


def script(name: str, *arguments: object, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "generate" / name, *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_row_ends_as_a_labelled_failure(endpoint, tmp_path):
    env, models = endpoint
    apis = tmp_path / "apis.jsonl"
    apis.write_text("".join(json.dumps(api) + "\n" for api in APIS))

    made = script("make_toolset.py", "--apis", apis, "--models", models, "--out", tmp_path / "noise", env=env)
    assert made.returncode == 1, made.stdout + made.stderr
    assert "Traceback" not in made.stderr
    assert rows(tmp_path / "noise" / "toolset.jsonl") == []
    assert "2 failed" in made.stdout

    run = tmp_path / "run"
    good = script("make_toolset.py", "--apis", apis, "--model", "offline", "--out", run, env=env)
    assert good.returncode == 0, good.stderr
    other = Path(shutil.copytree(run, tmp_path / "other"))
    told = script("make_instructions.py", "--models", models, "--out", run, env=env)
    assert told.returncode == 1, told.stdout + told.stderr
    assert "Traceback" not in told.stderr and rows(run / "instructions.jsonl") == []

    done = script("make_instructions.py", "--model", "offline", "--out", other, env=env)
    assert done.returncode == 0, done.stderr
    asked = rows(other / "instructions.jsonl")
    played = script("simulate_instances.py", "--models", models, "--out", other, "--limit", "6", env=env)
    assert played.returncode == 1, played.stdout + played.stderr
    assert "Traceback" not in played.stderr and "no instance was kept" in played.stderr
    assert rows(other / "instances.jsonl") == []
    dropped = rows(other / "filtered.jsonl")
    assert [row["instance_id"] for row in dropped] == [row["instruction_id"] for row in asked[:6]]
    assert all(row["filter"] for row in dropped), "each row says why it was dropped"
    assert any(row["steps"] and row["steps"][0]["input"] for row in dropped), "the noise itself is kept"
