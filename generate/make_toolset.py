"""Turn a list of APIs into a toolset (section 3.2): introduction, functions, OpenAPI, documentation.

    python generate/make_toolset.py --apis generate/seeds/apis.jsonl --model offline --out runs/demo

`--apis` is the public-apis README or JSON, JSONL with `name` and `description`, or a folder of OpenAPI
files, which keep their own specifications. Writes RUN/toolset.jsonl, one row per tool. An API whose
specification stays invalid after `--tries` replies is dropped with its reason, as the summary counts; so is
an entry or a file of the list that is no API.

`--variants N` makes N tools of each API, each from another draw of the model. The first has the API's
id, the others `<id>~2` and so on: `tool_id.split("~")[0]` is the API.
"""

import dataclasses
import statistics
from pathlib import Path

from toolalpaca import cli
from toolalpaca.corpus import apis
from toolalpaca.corpus.toolset import Toolsmith, variant_id
from toolalpaca.files import read_jsonl
from toolalpaca.models.retrying import TOOL_TRIES
from toolalpaca.runs.stage import Run
from toolalpaca.schema import ToolAlpacaError


def main() -> int:
    arguments = cli.parser(__doc__)
    arguments.add_argument(
        "--apis", required=True, metavar="PATH", help="API list or folder of OpenAPI files"
    )
    arguments.add_argument("--variants", type=int, default=1, metavar="N", help="tools per API (default: 1)")
    arguments.add_argument(
        "--tools",
        type=int,
        metavar="N",
        help="N tools in all: a part of a longer list, variants of a shorter one",
    )
    arguments.add_argument(
        "--functions",
        type=cli.number(1),
        metavar="N",
        help="of a specification with more functions than N, N are picked: whole tags at random by --seed",
    )
    arguments.add_argument(
        "--tries",
        type=int,
        default=TOOL_TRIES,
        metavar="N",
        help="replies per part, repairs included (default: %(default)s)",
    )
    cli.add_run_arguments(arguments)
    args = arguments.parse_args()
    if min(args.variants, args.tries, args.tools or 1) < 1 or args.tools == 0:
        raise ToolAlpacaError("--variants, --tools and --tries are counts: 1 or more")

    listing = apis.read_listing(args.apis)
    for line in listing.dropped:
        print(f"dropped: {line}")
    if listing.dropped:
        print(f"APIs: {len(listing.apis)} of {len(listing.apis) + len(listing.dropped)} entries can be used")
    listed = [apis.with_fewer_functions(api, args.functions, args.seed) for api in listing.apis[: args.limit]]
    wanted = args.tools or len(listed) * args.variants
    spread = (
        [listed[place * len(listed) // wanted] for place in range(wanted)] if wanted < len(listed) else listed
    )
    rows = [
        {"api": dataclasses.asdict(spread[place % len(spread)]), "variant": 1 + place // len(spread)}
        for place in range(wanted)
    ]
    with Run.open(args.out, stage="toolset", config=vars(args)) as run:
        summary = run.stage(
            "toolset",
            rows,
            Toolsmith(run.model(args.model, "teacher", args.seed), args.tries, run.prompts),
            key=lambda row: variant_id(row["api"]["tool_id"], row["variant"]),
            output="toolset.jsonl",
            concurrency=args.concurrency,
        )
    counts = [len(tool["functions"]) for tool in read_jsonl(summary.output)]
    if not counts:
        print("no tool was made: see the reasons above")
        return 1
    print(
        f"toolset: {len(counts)} tools, {statistics.mean(counts):.2f} functions each: "
        f"{Path(args.out) / 'toolset.jsonl'}"
    )
    return 0


if __name__ == "__main__":
    cli.run(main)
