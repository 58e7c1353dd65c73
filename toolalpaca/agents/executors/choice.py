"""The arguments by which scripts choose who answers calls, and the executor that they describe."""

from __future__ import annotations

import argparse

from toolalpaca.agents.executors.calls import Executor
from toolalpaca.agents.executors.llm import LlmExecutor
from toolalpaca.agents.executors.schema import SchemaExecutor
from toolalpaca.models.boundary import ChatModel
from toolalpaca.models.prompts import PromptFolder
from toolalpaca.schema import ToolAlpacaError


def add_executor_arguments(arguments: argparse.ArgumentParser) -> None:
    """The arguments by which scripts choose an executor; `make_executor` reads them."""
    group = arguments.add_argument_group("tool executor")
    group.add_argument(
        "--executor",
        choices=("llm", "schema", "frozen", "real"),
        default="llm",
        help="who answers calls: a model, the specification, a recorded file, the real API (default: llm)",
    )
    group.add_argument(
        "--resample_errors",
        type=int,
        default=0,
        metavar="N",
        help="ask the llm executor again for up to N answers that are not 2xx (default: 0)",
    )
    group.add_argument("--frozen", metavar="FILE", help="recorded answers of --executor frozen")
    group.add_argument(
        "--on_miss",
        choices=("503", "llm", "schema", "real"),
        default="503",
        help="what answers a request that FILE does not hold; others than 503 add to it (default: 503)",
    )
    group.add_argument(
        "--allow_host",
        action="append",
        default=[],
        metavar="HOST",
        help="a host that --executor real may call; repeat for several",
    )
    group.add_argument(
        "--credential",
        action="append",
        default=[],
        metavar="NAME=VARIABLE",
        help="--executor real takes the security scheme or parameter NAME from the environment VARIABLE",
    )


def make_executor(
    args: argparse.Namespace, model: ChatModel | None, prompts: PromptFolder | None = None
) -> Executor:
    """The executor that `add_executor_arguments` describes. `model` plays the llm executor.

    Raises:
        ToolAlpacaError: arguments that contradict each other, or a file that cannot be read.
    """

    def build(kind: str) -> Executor:
        if kind == "llm":
            if model is None:
                raise ToolAlpacaError("the llm executor needs a model")
            return LlmExecutor(model, resample_errors=args.resample_errors, prompts=prompts)
        if kind == "schema":
            return SchemaExecutor(args.seed)
        from toolalpaca.agents.executors.real import RealExecutor, parse_credentials

        return RealExecutor(args.allow_host, parse_credentials(args.credential))

    if args.resample_errors < 0:
        raise ToolAlpacaError("--resample_errors is a count: 0 or more")
    uses = {args.executor, args.on_miss} if args.executor == "frozen" else {args.executor}
    if args.resample_errors and "llm" not in uses:
        raise ToolAlpacaError("--resample_errors is for the llm executor")
    if ("real" in uses) != bool(args.allow_host):
        raise ToolAlpacaError("--executor real and --allow_host HOST go together")
    if args.credential and "real" not in uses:
        raise ToolAlpacaError("--credential is for --executor real")
    if args.on_miss != "503" and args.executor != "frozen":
        raise ToolAlpacaError("--on_miss is for --executor frozen")
    if (args.executor == "frozen") != bool(args.frozen):
        raise ToolAlpacaError("--executor frozen and --frozen FILE go together")
    if args.executor != "frozen":
        return build(args.executor)
    from toolalpaca.agents.executors.frozen import FrozenExecutor

    if args.on_miss == "503":
        return FrozenExecutor(args.frozen)
    return FrozenExecutor(args.frozen, build(args.on_miss), record=True)
