"""What all scripts share: numbers are held against their bounds before anything is done."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from toolalpaca import cli

GENERATE = Path(__file__).parents[2] / "generate"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--limit", "-5"], "--limit"),
        (["--limit", "0"], "--limit"),
        (["--limit", "x"], "--limit"),
        (["--max_cost", "-1"], "--max_cost"),
        (["--max_cost", "nan"], "--max_cost"),
        (["--max_cost", "inf"], "--max_cost"),
    ],
)
def test_a_number_out_of_bounds_is_refused_by_name(capsys, arguments, named):
    parser = cli.parser("Doc.")
    cli.add_run_arguments(parser)
    with pytest.raises(SystemExit) as status:
        parser.parse_args(["--out", "run", *arguments])
    assert status.value.code == 2
    assert f"argument {named}: expected a number at least" in capsys.readouterr().err


def test_numbers_within_their_bounds_are_taken():
    assert cli.number(0, 65535)("65535") == 65535
    assert cli.number(0, kind=float)("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError, match="from 0 to 65535, got '99999'"):
        cli.number(0, 65535)("99999")


def test_a_port_that_is_none_is_refused(tmp_path):
    command = [sys.executable, GENERATE / "serve_tools.py", "--toolset", tmp_path / "t", "--port", "99999"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2 and "--port" in done.stderr and "Traceback" not in done.stderr


ROOT = GENERATE.parent
SCRIPTS = sorted(p for folder in ("generate", "recipes", "eval") for p in (ROOT / folder).glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_a_script_starts_without_a_word_of_what_its_libraries_miss(script):
    done = subprocess.run(
        [sys.executable, script, "--help"], capture_output=True, text=True, timeout=300, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_advice_to_install_kernels_is_silent_and_other_warnings_are_told():
    # Whether bitsandbytes gives it depends on the processor
    said = (
        "import logging; from toolalpaca import cli\n"
        "log = logging.getLogger('bitsandbytes.backends.cpu.ops')\n"
        "log.warning('Failed to load it from kernels-community: %s', 'no module')\n"
        "log.warning('something else')"
    )
    done = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert done.stderr.splitlines() == ["something else"]
