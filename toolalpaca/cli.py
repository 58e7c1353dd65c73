"""What every script shares: the arguments they have in common and how a mistake is reported."""

from __future__ import annotations

import argparse
import contextlib
import errno
import logging
import math
import os
import sys
from collections.abc import Callable
from typing import Any

from toolalpaca.schema import ToolAlpacaError

NO_SPACE = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
BAD_PATH = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.EISDIR, errno.ENOTDIR}
BAD_PATH |= {errno.ENAMETOOLONG}


def _quiet_interrupt(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Ctrl-C while a script still imports its libraries is no mistake to show the way to."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _quiet_interrupt


def _no_advice(record: logging.LogRecord) -> bool:
    """Whether a line is more than bitsandbytes' advice to install a package that it does without."""
    return "kernels-community" not in record.getMessage()


# Set before bitsandbytes is imported, which gives it while it loads.
logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(_no_advice)


def parser(doc: str) -> argparse.ArgumentParser:
    """An argument parser whose `--help` shows the script's docstring and every default."""
    summary, _, rest = doc.strip().partition("\n")
    return argparse.ArgumentParser(
        description=summary, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def number(least: int, most: int | None = None, kind: type = int) -> Callable[[str], Any]:
    """The `type` of an argument that is a number from `least` to `most` (no bound when None)."""
    bounds = f"at least {least}" if most is None else f"from {least} to {most}"

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= (sys.float_info.max if most is None else most):
            raise argparse.ArgumentTypeError(f"expected a number {bounds}, got {text!r}")
        return value

    return read


def add_run_arguments(arguments: argparse.ArgumentParser) -> None:
    """Arguments of every script that calls a model for many rows."""
    group = arguments.add_argument_group("run")
    add = group.add_argument
    add("--out", required=True, metavar="RUN", help="run folder; made when missing, resumed when not")
    add("--model", default="offline", help="openai/<model>, hf/<path>, offline (default) or replay:<run>")
    add("--models", metavar="FILE", help="YAML: a model with its parameters per role; overrides --model")
    add("--seed", type=int, default=0, help="seed of ids, splits and the embedded teacher (default: 0)")
    add("--concurrency", default="64", metavar="N", help="rows in work at once, or 'auto' (default: 64)")
    add("--limit", type=number(1), metavar="N", help="only the first N input rows")
    add("--prompts", metavar="DIR", help="folder whose *.jinja replace the packaged prompts")
    add("--retry_failed", action="store_true", help="run only the rows that failed before")
    add(
        "--max_cost",
        type=number(0, kind=float),
        metavar="USD",
        help="stop cleanly before spending more than this",
    )


def run(main: Callable[[], int | None]) -> None:
    """Run a script's `main` and exit.

    Status 2 and one clear line on a mistake the user can mend (a full disk and a path that cannot be read or
    written are some), 130 on Ctrl-C.
    """
    try:
        status = main() or 0
        sys.stdout.flush()
    except ToolAlpacaError as error:
        _say(f"error: {error}")
        status = 2
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except (FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        _say(f"error: {error.filename}: {error.strerror}; give another path, or mend this one")
        status = 2
    except OSError as error:
        if error.errno not in NO_SPACE and not (error.errno in BAD_PATH and error.filename):
            raise
        where = f"{error.filename}: " if error.filename else ""
        mend = "free some space" if error.errno in NO_SPACE else "make it writable, or name another path"
        _say(f"error: {where}{error.strerror}; {mend}, then run the same command again")
        status = 2
        # What standard output still holds cannot be written either; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def _say(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)
