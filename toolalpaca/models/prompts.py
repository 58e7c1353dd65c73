"""Prompts are files: `Prompt(name, variables)` renders `prompts/<name>.jinja` to chat messages.

A template marks its turns with lines `=== system`, `=== user` and so on. Each variable that is passed
must be used by the template and each that it uses must be passed, so a prompt cannot silently lose
what a stage meant to say.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import re
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta

from toolalpaca.schema import ToolAlpacaError

Message = dict[str, str]  # {"role": ..., "content": ...}

MAX_SHOWN = 6_000  # characters of its own reply that a model is shown again
HOME = Path(__file__).parent / "prompts"
TURN = re.compile(r"^=== (system|user|assistant)[ \t]*\n", re.MULTILINE)


class PromptFolder:
    """Templates by name; a file in `override` replaces the one that ships with the package."""

    def __init__(self, override: str | Path | None = None):
        folders = [HOME]
        if override is not None:
            if not Path(override).is_dir():
                raise ToolAlpacaError(f"--prompts {override} is not a folder")
            folders.insert(0, Path(override))
        self.folders = folders
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([str(folder) for folder in folders]),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            autoescape=False,
        )
        self._templates: dict[str, tuple[jinja2.Template, frozenset[str]]] = {}

    def template(self, name: str) -> tuple[jinja2.Template, frozenset[str]]:
        """A template and the names of the variables it uses."""
        if name not in self._templates:
            try:
                source = self._environment.loader.get_source(self._environment, f"{name}.jinja")[0]
                used = frozenset(jinja2.meta.find_undeclared_variables(self._environment.parse(source)))
                self._templates[name] = self._environment.from_string(source), used
            except jinja2.TemplateNotFound:
                raise ToolAlpacaError(f"no prompt named {name!r} in {self.folders[0]}") from None
            except jinja2.TemplateSyntaxError as error:
                raise ToolAlpacaError(f"prompt {name!r}, line {error.lineno}: {error.message}") from None
        return self._templates[name]

    def names(self) -> list[str]:
        """Names of all prompts."""
        return sorted({path.stem for folder in self.folders for path in folder.glob("*.jinja")})

    def hashes(self) -> dict[str, str]:
        """First 12 hex digits of each template's SHA-256, for manifests."""
        found = {}
        for folder in reversed(self.folders):
            for path in sorted(folder.glob("*.jinja")):
                found[path.stem] = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        return found


@functools.cache
def packaged() -> PromptFolder:
    """The prompts that ship with the package."""
    return PromptFolder()


class Prompt:
    """One request to a model: a template's name and the values it is filled with.

    Args:
        name: the template's file name without `.jinja`.
        variables: every variable of the template, and no other.
        history: messages that follow the rendered ones (an agent's own turns so far).
        prompts: where templates come from; the packaged ones by default.
        tools: OpenAI-style function definitions, for models that call functions natively.

    Raises:
        ToolAlpacaError: a variable is missing or is not used by the template.
    """

    def __init__(
        self,
        name: str,
        variables: dict[str, Any],
        history: list[Message] | None = None,
        prompts: PromptFolder | None = None,
        tools: list[dict[str, Any]] | None = None,
    ):
        self.name, self.variables, self.history, self.tools = name, variables, history or [], tools
        self._template, used = (prompts or packaged()).template(name)
        if used != variables.keys():
            missing, unused = sorted(used - variables.keys()), sorted(variables.keys() - used)
            raise ToolAlpacaError(
                f"prompt {name!r}"
                + (f" lacks {', '.join(missing)}" if missing else "")
                + (" and" if missing and unused else "")
                + (f" does not use {', '.join(unused)}" if unused else "")
            )

    def followed_by(self, history: list[Message]) -> Prompt:
        """The same request with other messages after the rendered ones; nothing is checked again."""
        again = copy.copy(self)
        again.__dict__.pop("messages", None)
        again.history = history
        return again

    def again(self, said: str, wrong: str) -> Prompt:
        """The same request after a reply that cannot be used: the model is shown it, with what was wrong.

        Asked again without a word it would make the same mistake, at temperature 0 for certain.
        """
        shown = said.strip()
        if not shown:
            return self
        if len(shown) > MAX_SHOWN:
            shown = f"{shown[:MAX_SHOWN]} ..."
        told = (
            f"This reply could not be used: {wrong}.\n"
            "Reply once more, whole and in the form asked for, with this put right; do not comment on it."
        )
        turns = [{"role": "assistant", "content": shown}, {"role": "user", "content": told}]
        return self.followed_by(self.history + turns)

    @functools.cached_property
    def messages(self) -> list[Message]:
        """The chat messages, rendered once."""
        text = self._template.render(self.variables)
        pieces = TURN.split(text)
        if pieces[0].strip() or len(pieces) < 3:
            raise ToolAlpacaError(f"prompt {self.name!r} must begin with a line '=== system' or '=== user'")
        turns = [
            {"role": role, "content": content.strip()}
            for role, content in zip(pieces[1::2], pieces[2::2], strict=True)
        ]
        return turns + self.history
