"""The README is true: every path it names exists, every command can be run, the demo's list is the demo."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "recipes" / "README.md"]


def commands() -> list[str]:
    text = "\n".join(body for language, body in BLOCKS if language in ("bash", "sh"))
    lines = text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def scripts(lines: list[str]) -> dict[str, set[str]]:
    """The options with which each script is called."""
    found: dict[str, set[str]] = {}
    for line in lines:
        words = shlex.split(line, comments=True)
        for place, word in enumerate(words):
            if re.fullmatch(r"(generate|eval|recipes)/\w+\.py", word):
                options = {w.split("=")[0] for w in words[place + 1 :] if w.startswith("--")}
                found.setdefault(word, set()).update(options)
    return found


def test_the_tree_has_one_line_for_every_folder_and_fits_a_screen() -> None:
    tree = next(body for _, body in BLOCKS if "toolalpaca/" in body and "accelerate_configs/" in body)
    lines = [line for line in tree.splitlines() if line.strip()]
    listed, above = [], ""
    for line in lines:
        name = line.split()[0]
        above = above if line.startswith(" ") else name
        listed.append(above + name if line.startswith(" ") else name)
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    folders = {f"{path.split('/')[0]}/" for path in tracked if "/" in path and not path.startswith(".")}
    rooms = {"/".join(path.split("/")[:2]) + "/" for path in tracked if re.match(r"toolalpaca/\w+/", path)}
    assert sorted(listed) == sorted(folders | rooms)
    assert len(lines) <= 25


def test_each_room_lists_its_files() -> None:
    for room in (path.parent for path in (ROOT / "toolalpaca").rglob("__init__.py")):
        if room.name == "toolalpaca":
            continue
        listed = set(
            re.findall(r"^(\w+)/?  ", (room / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
        )
        files = {path.stem for path in room.glob("*.py")} - {"__init__"}
        rooms = {path.parent.name for path in room.glob("*/__init__.py")}
        assert listed == files | rooms, room


def test_an_import_against_the_direction_of_the_rooms_is_caught(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "toolalpaca", tmp_path / "toolalpaca", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    lint = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    kept = subprocess.run(lint, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert kept.returncode == 0, kept.stdout
    verbs = tmp_path / "toolalpaca" / "openapi" / "verbs.py"
    verbs.write_text(verbs.read_text() + "\n\ndef late():\n    from toolalpaca.dataset import card\n")
    broken = subprocess.run(lint, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert broken.returncode == 1
    assert "toolalpaca.openapi.verbs -> toolalpaca.dataset.card" in broken.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_local_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_script_option_is_known() -> None:
    for script, options in scripts(commands()).items():
        assert (ROOT / script).is_file(), script
        if script == "recipes/sft.py":  # its options are TRL's, checked where recipes are parsed
            continue
        shown = subprocess.run(
            [sys.executable, str(ROOT / script), "--help"], capture_output=True, text=True, check=True
        ).stdout
        for option in options:
            assert option in shown, f"{script} has no {option}"


def test_every_make_target_exists() -> None:
    made = subprocess.run(
        ["make", "-qp", "-f", "Makefile"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    targets = set(re.findall(r"^([a-z_]+):", made, re.MULTILINE))
    named = set(re.findall(r"`make ([a-z_]+)", README)) | {
        line.split()[1] for line in commands() if line.startswith("make ")
    }
    assert named <= targets, f"README names targets that do not exist: {named - targets}"


def test_the_demo_is_the_list_that_the_readme_shows() -> None:
    shown = next(
        body for language, body in BLOCKS if "generate/make_toolset.py" in body and "recipes/sft.py" in body
    )
    listed = [" ".join(shlex.split(line)) for line in shown.replace("\\\n", " ").splitlines() if line.strip()]
    planned = subprocess.run(
        ["make", "-n", "-B", "-o", ".venv/installed", "-o", ".venv/models", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    ran = [
        " ".join(shlex.split(line)).replace(".venv/bin/", "")
        for line in planned.replace("\\\n", " ").splitlines()
        if line.strip() and not line.lstrip().startswith(("@", "#", "echo"))
    ]
    assert listed == [line for line in ran if line.startswith(("python ", "accelerate "))]
