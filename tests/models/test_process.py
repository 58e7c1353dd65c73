"""What the scripts set for the CPU must stand before torch reads it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("script", ["recipes/sft.py", "eval/run_agent.py"])
def test_threads_wait_passively_since_nothing_loads_torch_earlier(script: str) -> None:
    code = f"import runpy, sys; runpy.run_path({script!r}); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or f"{script} loads torch with its first imports"
    text = (ROOT / script).read_text(encoding="utf-8")
    main = text[text.index("def main()") :]
    assert main.split("\n", 2)[1].strip().startswith("prepare_process()")


def test_what_the_environment_says_already_stands() -> None:
    code = (
        "import os; os.environ['OMP_WAIT_POLICY'] = 'ACTIVE'; "
        "from toolalpaca.models.process import prepare_process; prepare_process(); "
        "assert os.environ['OMP_WAIT_POLICY'] == 'ACTIVE'; assert os.environ['GOMP_SPINCOUNT'] == '0'"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
