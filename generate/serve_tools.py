"""Serve a toolset over HTTP on 127.0.0.1, as real APIs would look.

    python generate/serve_tools.py --toolset runs/demo/toolset.jsonl --port 8080

A manifest stands at /, each tool under /{tool_id} with its openapi.json. Requests that carry the same
X-ToolAlpaca-Instance header see one consistent world. Record answers once and repeat them any day:

    python generate/serve_tools.py --toolset ... --executor frozen --frozen answers.jsonl --on_miss schema
    python generate/serve_tools.py --toolset ... --executor frozen --frozen answers.jsonl
"""

from __future__ import annotations

from toolalpaca import cli
from toolalpaca.agents.executors.choice import add_executor_arguments, make_executor
from toolalpaca.agents.server import ToolServer, serve
from toolalpaca.files import read_records
from toolalpaca.models.prompts import PromptFolder
from toolalpaca.offline.loading import load_model
from toolalpaca.schema import Tool


def main() -> None:
    arguments = cli.parser(__doc__)
    arguments.add_argument("--toolset", required=True, metavar="FILE", help="toolset.jsonl of a run")
    arguments.add_argument(
        "--port", type=cli.number(0, 65535), default=8080, help="0 takes any free port (default: 8080)"
    )
    arguments.add_argument("--model", default="offline", help="plays the llm executor (default: offline)")
    arguments.add_argument("--seed", type=int, default=0, help="seed of the schema executor (default: 0)")
    arguments.add_argument(
        "--prompts", metavar="DIR", help="folder whose *.jinja replace the packaged prompts"
    )
    add_executor_arguments(arguments)
    arguments.set_defaults(executor="schema")
    args = arguments.parse_args()

    tools = list(read_records(args.toolset, Tool))
    prompts = PromptFolder(args.prompts) if args.prompts else None
    uses_model = "llm" in (args.executor, args.on_miss if args.executor == "frozen" else "")
    model = load_model(args.model, seed=args.seed) if uses_model else None
    serve(ToolServer(tools, make_executor(args, model, prompts)), args.port)


if __name__ == "__main__":
    cli.run(main)
