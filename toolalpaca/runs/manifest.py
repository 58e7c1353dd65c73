"""What a run was made with: commit, versions, arguments, prompts."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from toolalpaca.files import atomic_write

PACKAGES = [
    "toolalpaca",
    "openai",
    "aiohttp",
    "transformers",
    "torch",
    "datasets",
    "jinja2",
    "Faker",
    "jsonschema",
]


def describe(prompts: dict[str, str]) -> dict[str, Any]:
    """The parts of a manifest that belong to this process. No environment variables: keys live there."""
    return {
        **commit(),
        "python": platform.python_version(),
        "packages": versions(),
        "argv": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "prompts": prompts,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def commit() -> dict[str, Any]:
    """The source's git commit and whether it had local changes; None outside a checkout."""
    home = Path(__file__).parent
    try:
        ask = ["git", "-C", str(home)]
        sha = subprocess.run(
            [*ask, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
        changes = subprocess.run(
            [*ask, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
        return {"commit": sha.stdout.strip(), "dirty": bool(changes.stdout.strip())}
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}


def versions() -> dict[str, str]:
    """Installed versions of the packages that shape a run's output."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def stages(run: Path) -> dict[str, dict[str, Any]]:
    """The stages of a run's manifest by name; none where it has no readable one."""
    try:
        found = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["stages"]
        return {name: stage for name, stage in found.items() if isinstance(stage, dict)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def update(path: Path, stage: str, entry: dict[str, Any]) -> None:
    """Write `entry` as the manifest's part for `stage`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {}
    content.setdefault("toolalpaca", 1)
    content.setdefault("stages", {})[stage] = entry
    with atomic_write(path) as stream:
        json.dump(content, stream, indent=2, ensure_ascii=False, default=str)
        stream.write("\n")
