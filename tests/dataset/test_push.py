"""Pushing to a local server that speaks the Hub's endpoints.

The real client runs against it: repository, branch, tree, pre-upload, LFS batch, upload and commit. Xet
storage is switched off (HF_HUB_DISABLE_XET), because its content-addressed protocol is a binary one
between a compiled client and a storage service; the client then uses LFS, which the Hub still speaks.
"""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import corpus
import pytest
from fake_hub import FakeHub
from huggingface_hub.hf_api import RepoFile

from toolalpaca.dataset.push import make_plan

SCRIPT = Path(__file__).parents[2] / "generate" / "build_dataset.py"
REPO = "acme/tools"


@pytest.fixture
def hub():
    hub = FakeHub()
    yield hub
    hub.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return corpus.write_run(tmp_path_factory.mktemp("run"), tools=6, per_tool=4)


def push(run, hub, *arguments, **environment):
    settings = {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": hub.token,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HOME": str(run / "hf_home"),
    }
    command = [sys.executable, str(SCRIPT), str(run), "--push_to_hub", REPO, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **settings, **environment}
    )


def test_push_makes_the_repository_and_uploads_only_what_changed(run, hub):
    done = push(run, hub, "--private")
    assert done.returncode == 0, done.stderr
    assert f"create the private dataset {REPO}, upload" in done.stdout
    assert hub.repos[REPO]["private"]
    here = {
        str(p.relative_to(run / "dataset")): p.read_bytes()
        for p in (run / "dataset").rglob("*")
        if p.is_file()
    }
    there = hub.files(REPO)
    assert set(there) == set(here)
    assert {n: c for n, c in there.items() if n != "README.md"} == {
        n: c for n, c in here.items() if n != "README.md"
    }
    assert f'load_dataset("{REPO}", "sft"'.encode() in there["README.md"]

    uploads = len(hub.uploads)
    done = push(run, hub)
    assert done.returncode == 0 and "nothing changed, nothing to do" in done.stdout
    assert len(hub.uploads) == uploads

    hub.files(REPO)["sft/train-00007-of-00008.parquet"] = b"of an older build"
    hub.files(REPO)["NOTES.md"] = b"somebody's own"
    hub.files(REPO)["raw/data.bin"] = b"somebody's own"
    hub.files(REPO)["tasks/test-00000-of-00001.parquet"] = b"outdated"
    done = push(run, hub)
    assert "upload 1 files" in done.stdout and "delete 1 files of an older build" in done.stdout
    assert len(hub.uploads) == uploads  # its content is in the store already
    assert set(hub.files(REPO)) == {*here, "NOTES.md", "raw/data.bin"}
    assert hub.files(REPO)["tasks/test-00000-of-00001.parquet"] == here["tasks/test-00000-of-00001.parquet"]

    hub.repos[REPO]["private"] = False
    commits = len([path for _, path in hub.log if "/commit/" in path])
    done = push(run, hub, "--private")
    assert done.returncode == 2 and "exists and is public" in done.stderr and done.stderr.count("\n") == 1
    assert len([path for _, path in hub.log if "/commit/" in path]) == commits

    done = push(run, hub, "--revision", "v2")
    assert done.returncode == 0 and "create its branch v2" in done.stdout
    assert set(hub.files(REPO, "v2")) >= set(here)


def test_a_configuration_that_has_no_rows_any_more_is_taken_back(tmp_path):
    (tmp_path / "README.md").write_text("# card")
    paths = ("tasks/test-00000-of-00001.parquet", "raw/test.parquet", "README.md")
    there = [RepoFile(path=path, size=1, oid="0" * 40, type="file") for path in paths]
    api = SimpleNamespace(
        repo_info=lambda *_, **__: SimpleNamespace(private=True), list_repo_tree=lambda *_, **__: there
    )
    plan = make_plan(api, tmp_path, REPO, private=False, revision="main")
    assert plan.stale == ["tasks/test-00000-of-00001.parquet"]


def test_what_will_be_done_is_said_first_and_refusals_are_one_line(run, hub):
    done = push(run, hub, HF_TOKEN="hf_wrong")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "401" in done.stderr
    assert "hf_wrong" not in done.stdout + done.stderr
    assert not hub.repos
    done = push(run, hub, HF_TOKEN="")
    assert done.returncode == 2 and "HF_TOKEN" in done.stderr
    done = push(run, hub, HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 2 and "cannot be reached" in done.stderr
    command = [sys.executable, str(SCRIPT), str(run), "--push_to_hub", "no such name"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
