"""The dataset that a run becomes: a builder over its stage files, and the folder that goes to the Hub.

`datasets` runs no loading scripts from a dataset repository (since version 4), so the folder holds data
only: Parquet shards per configuration and split, and a card that declares them. The loading script is
here, and works on a run folder too:

    RunBuilder(config_name="sft", run="runs/demo").download_and_prepare()
"""

from __future__ import annotations

import functools
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ClassVar

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from datasets.utils.py_utils import convert_file_size_to_int

from toolalpaca.corpus.simulation import Toolset
from toolalpaca.dataset import training_rows
from toolalpaca.dataset.features import DESCRIPTIONS, FEATURES, json_text
from toolalpaca.dataset.figures import corpus_statistics
from toolalpaca.dataset.holdout import Plan, make_plan, read_instances
from toolalpaca.files import content_hash, read_records
from toolalpaca.models import native
from toolalpaca.schema import Instance, ReplyError, Tool, ToolAlpacaError, to_row

PARALLEL_FROM = 5_000  # instances; below it, starting processes costs more than they save


@dataclass
class RunConfig(datasets.BuilderConfig):
    """One configuration of the dataset of a run; `plan` is made from the rest when it is not given."""

    run: str = ""
    style: str = "react"
    detail: str = "full"
    builtins: str | None = None
    seed: int = 0
    test_tools: int | None = None
    tasks_per_tool: int = 10
    plan: Plan | None = field(default=None, repr=False)


class RunBuilder(datasets.GeneratorBasedBuilder):
    """Builds the configurations `toolset`, `instances`, `sft`, `sft_tools` and `tasks` from a run folder.

    Raises:
        ToolAlpacaError: the run has no toolset.jsonl or no instances.jsonl.
    """

    BUILDER_CONFIG_CLASS = RunConfig
    BUILDER_CONFIGS: ClassVar = [
        RunConfig(name=name, description=text) for name, text in DESCRIPTIONS.items()
    ]
    DEFAULT_WRITER_BATCH_SIZE = 500

    def __init__(self, *args: Any, run: str = "", **kwargs: Any):
        # a cached build of the same folder is stale once a stage file changes
        kwargs.setdefault("hash", content_hash(Path(run) / "toolset.jsonl", Path(run) / "instances.jsonl"))
        super().__init__(*args, run=str(run), **kwargs)
        self.skipped: Counter[str] = Counter()  # instances that make no row, by reason
        self._schemas: tuple[Tool | None, list[str]] = (None, [])

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(features=FEATURES[self.config.name])

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        options = self.config
        plan = options.plan or make_plan(
            Path(options.run),
            seed=options.seed,
            test_tools=options.test_tools,
            tasks_per_tool=options.tasks_per_tool,
        )
        names = ["test"] if options.name == "tasks" or not plan.has_training else ["train", "test"]
        if not plan.test_tools and options.name != "tasks":
            names.remove("test")
        return [datasets.SplitGenerator(name, gen_kwargs={"split": name, "plan": plan}) for name in names]

    def _generate_examples(self, split: str, plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
        run = Path(self.config.run)
        if self.config.name == "tasks":
            yield from ((task.task_id, to_row(task)) for task in plan.tasks)
        elif self.config.name == "toolset":
            for tool in read_records(run / "toolset.jsonl", Tool):
                if plan.split(tool.tool_id) == split:
                    yield tool.tool_id, _tool_row(tool)
        else:
            make = {"instances": _instance_row, "sft": self._react, "sft_tools": self._native}[
                self.config.name
            ]
            toolset = Toolset(run / "toolset.jsonl")
            for instance in read_instances(run):
                if plan.split(instance.tool_id) != split or instance.instance_id in plan.excluded_instances:
                    continue
                if made := make(toolset, instance):
                    yield instance.instance_id, made

    def _react(self, toolset: Toolset, instance: Instance) -> dict[str, Any] | None:
        tool, options = toolset[instance.tool_id], self.config
        if self._skips(tool, instance):
            return None
        return training_rows.react_row(tool, instance, options.style, options.detail, options.builtins)

    def _native(self, toolset: Toolset, instance: Instance) -> dict[str, Any] | None:
        tool = toolset[instance.tool_id]
        if self._skips(tool, instance):
            return None
        if self._schemas[0] is not tool:  # made once for the instances of a tool that follow each other
            functions = training_rows.student_functions(tool, self.config.builtins)
            self._schemas = tool, [json_text(native.function_schema(f)) for f in functions]
        try:
            row = training_rows.native_row(tool, instance, schemas=self._schemas[1])
        except ReplyError:  # only imported instances: their tool read what no JSON object says
            self.skipped["unreadable_input"] += 1
            return None
        return {**row, "messages": [json_text(message) for message in row["messages"]]}

    def _skips(self, tool: Tool, instance: Instance) -> bool:
        reason = training_rows.reason_to_skip(tool, instance, self.config.builtins)
        if reason:
            self.skipped[reason] += 1
        return bool(reason)


def _instance_row(toolset: Toolset, instance: Instance) -> dict[str, Any]:
    row = dict(vars(instance))  # not `to_row`: its deep copy costs more than all the rest
    row["actions"] = [vars(step) for step in row.pop("steps")]
    row["provenance"] = json_text(row["provenance"])
    row["calls"] = sum(step.error != "parse_error" for step in instance.steps)
    row["failed_calls"] = sum(bool(step.error) or step.status >= 300 for step in instance.steps)
    row["instruction_words"] = len(instance.instruction.split())
    row["output_words"] = len(instance.final_output.split())
    return row


def _tool_row(tool: Tool) -> dict[str, Any]:
    functions = [
        {
            **vars(function),
            "parameters": [{**vars(p), "schema": json_text(p.schema)} for p in function.parameters],
        }
        for function in tool.functions
    ]
    return {**vars(tool), "functions": functions}


def write_config(name: str, out: Path, max_shard_size: str, options: dict[str, Any]) -> dict[str, Any]:
    """Build one configuration into `out/name/`, and say what it holds.

    Returns:
        `name`, `seconds`, `files` (split -> file names relative to `out`), `info`, the card's
        `dataset_info` entry, and `skipped`, instances that make no row by reason.
    """
    datasets.utils.logging.disable_progress_bar()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=".build-", dir=out) as scratch:
        builder = RunBuilder(
            config_name=name,
            cache_dir=f"{scratch}/cache",
            dataset_name="toolalpaca",
            hash="build",
            **options,
        )
        try:
            builder.download_and_prepare(
                f"{scratch}/data",
                file_format="parquet",
                max_shard_size=max_shard_size,
                verification_mode="no_checks",
            )
        except datasets.exceptions.DatasetGenerationError as error:
            cause = error.__cause__  # read here, since no cause survives a process
            if isinstance(cause, ToolAlpacaError):
                raise cause from None
            if isinstance(cause, pa.ArrowException):
                what = " ".join(str(cause).split())
                raise ToolAlpacaError(f"a row of {name} does not fit its columns: {what}") from None
            raise
        files: dict[str, list[str]] = {}
        # a split without rows cannot be loaded
        splits = [s for s in builder.info.splits.values() if s.num_examples]
        for split in (s.name for s in splits):
            (out / name).mkdir(exist_ok=True)
            shards = sorted(Path(scratch, "data").glob(f"toolalpaca-{split}*.parquet"))
            files[split] = [
                f"{name}/{split}-{i:05d}-of-{len(shards):05d}.parquet" for i in range(len(shards))
            ]
            for shard, target in zip(shards, files[split], strict=True):
                shutil.move(shard, out / target)
        sizes = sum((out / file).stat().st_size for shards in files.values() for file in shards)
        info = {
            "config_name": name,
            "features": builder.info.features._to_yaml_list(),
            "splits": [
                {"name": s.name, "num_bytes": s.num_bytes, "num_examples": s.num_examples} for s in splits
            ],
            "download_size": sizes,
            "dataset_size": sum(s.num_bytes for s in splits),
        }
    seconds = time.monotonic() - started
    return {"name": name, "seconds": seconds, "files": files, "info": info, "skipped": dict(builder.skipped)}


def write_configs(
    run: Path, out: Path, plan: Plan, *, max_shard_size: str = "200MB", workers: int = 2, **options: Any
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Build every configuration into the empty folder `out`, and count the corpus beside it.

    Args:
        options: `style`, `detail` and `builtins` of RunConfig.

    Returns:
        `write_config`'s results of what has rows, in the order of FEATURES, and `figures.corpus_statistics`.

    Raises:
        ToolAlpacaError: a row is none, an instance names a tool that the toolset lacks, or the shard size
            is no size.
    """
    try:
        if convert_file_size_to_int(max_shard_size) < 1:
            raise ValueError
    except ValueError:
        raise ToolAlpacaError(f"--max_shard_size {max_shard_size}: expected a size such as 200MB") from None
    job = functools.partial(
        write_config,
        out=out,
        max_shard_size=max_shard_size,
        options={"run": str(run), "plan": plan, **options},
    )
    # the longest first, so that two workers end at about the same time
    order = ["sft", "sft_tools", "instances", "toolset", "tasks"]
    if workers < 2 or plan.instances < PARALLEL_FROM:
        done = {name: job(name) for name in order}
        statistics = corpus_statistics(run)
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            jobs = {name: pool.submit(job, name) for name in order}
            counting = pool.submit(corpus_statistics, run)
            done = {name: future.result() for name, future in jobs.items()}
            statistics = counting.result()
    return [done[name] for name in FEATURES if done[name]["files"]], statistics


def first_instances(
    folder: Path, built: list[dict[str, Any]], limit: int = 2_000
) -> Iterator[dict[str, Any]]:
    """The first rows of `instances`, of its first split, as plain values."""
    files = next((config["files"] for config in built if config["name"] == "instances"), {})
    for file in next(iter(files.values()), [])[:1]:
        for batch in pq.ParquetFile(folder / file).iter_batches(batch_size=100):
            yield from batch.to_pylist()[:limit]
            limit -= len(batch)
            if limit <= 0:
                return


def first_rows(folder: Path, built: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The first row of each configuration that has one, as `load_dataset` gives it."""
    rows = {}
    for config in built:
        for file in (shard for shards in config["files"].values() for shard in shards):
            table = pq.ParquetFile(folder / file)
            if table.metadata.num_rows:
                batch = next(table.iter_batches(batch_size=1)).slice(0, 1)
                rows[config["name"]] = FEATURES[config["name"]].decode_example(batch.to_pylist()[0])
                break
    return rows
