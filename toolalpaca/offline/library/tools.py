"""Authored tools: the YAML files of generate/seeds/tools, read strictly (their README is the format)."""

from __future__ import annotations

import dataclasses
import functools
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from toolalpaca.files import content_hash
from toolalpaca.openapi.documents import YamlLoader, yaml_value
from toolalpaca.schema import Scenario, ToolAlpacaError

HOME = Path(__file__).parents[3] / "generate" / "seeds" / "tools"
Json = dict[str, Any]
log = logging.getLogger(__name__)
SENTENCE = re.compile(r"[.!?…](?=\s|$)")
SHORT = 2  # sentences of an instruction that is no story


@dataclass(frozen=True)
class AuthoredStep:
    """A thought with a call (`function` and `arguments`), or with a question to the user and the reply."""

    thought: str
    function: str = ""
    arguments: Json = field(default_factory=dict)
    question: str = ""
    reply: str = ""
    line: int = 0


@dataclass(frozen=True)
class AuthoredInstruction:
    """What a person writes, what is done about it, and what the person reads in the end."""

    text: str
    steps: tuple[AuthoredStep, ...]
    conclusion: str
    answer: str
    scenario: str = Scenario.ORDINARY
    derived: tuple[str, ...] = ()  # what follows by reasoning that the check cannot see
    line: int = 0

    @property
    def style(self) -> str:
        """`short` for one or two sentences, else `story`."""
        return "short" if len(SENTENCE.findall(self.text)) <= SHORT else "story"


@dataclass(frozen=True)
class AuthoredFunction:
    """A function: `method`, `path`, parameters as JSON Schemas with `required` beside them, and what it does.

    `rules` holds the keys of the README's table (let, one, many, then, refuse, add, set, remove, give).
    """

    name: str
    method: str  # lower case
    path: str
    description: str
    parameters: dict[str, Json]
    returns: str
    status: int
    rules: Json
    line: int = 0

    @property
    def changes(self) -> bool:
        """Whether a call changes records; that of a GET may."""
        return bool(self.rules.keys() & {"add", "set", "remove"})


@dataclass(frozen=True, eq=False)
class AuthoredTool:
    """One file. `key` is `<category>/<api>`, by which a specification names its world."""

    key: str
    file: Path
    name: str
    category: str
    link: str
    description: str
    introduction: str
    server: str
    world: dict[str, list[Json]]
    functions: tuple[AuthoredFunction, ...]
    faults: dict[int, str]
    instructions: tuple[AuthoredInstruction, ...]
    held_out: bool = False
    lines: dict[tuple[Any, ...], int] = field(default_factory=dict, compare=False, repr=False)

    def function(self, name: str) -> AuthoredFunction | None:
        """The function of a name."""
        return next((f for f in self.functions if f.name == name), None)


TOOL_KEYS = {
    "name": str, "category": str, "link": str, "description": str, "introduction": str, "server": str,
    "world": dict, "functions": list, "instructions": list,
}  # fmt: skip
FUNCTION_KEYS = {"name": str, "route": str, "description": str, "returns": str}
RULES = {
    "let": dict, "one": dict, "many": dict, "then": dict, "refuse": list, "add": dict, "set": dict,
    "remove": bool, "give": object,
}  # fmt: skip
RULE_KEYS = {
    "one": {"from", "where", "missing"},
    "many": {"from", "where", "sort", "descending", "limit", "offset"},
    "add": {"to", "row"},
    "refuse": {"when", "status", "error"},
}
ROUTE = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/\S*)")


def load_tool(path: Path, key: str = "") -> AuthoredTool:
    """The tool in a file.

    Raises:
        ToolAlpacaError: the file is no YAML, or a part of it is missing, unknown or of the wrong kind; the
            message names file and line.
    """
    text = path.read_text(encoding="utf-8")
    try:
        raw = yaml_value(text)
        lines = _lines(text)
    except yaml.YAMLError as error:
        raise ToolAlpacaError(f"{path}: {' '.join(str(error).split())[:300]}") from None
    return _Reader(path, lines).tool(raw, key or f"{path.parent.name}/{path.stem}")


def library_files(home: Path = HOME) -> list[Path]:
    """The files of a library, in order."""
    return sorted(home.glob("*/*.yaml"))


class _Reader:
    def __init__(self, path: Path, lines: dict[tuple[Any, ...], int]):
        self.path, self.lines = path, lines

    def fail(self, place: tuple[Any, ...], message: str) -> ToolAlpacaError:
        line = next((self.lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in self.lines), 1)
        return ToolAlpacaError(f"{self.path}:{line}: {message}")

    def check(self, node: Any, place: tuple[Any, ...], required: Json, optional: Json) -> Json:
        what = ".".join(map(str, place)) or "the file"
        if not isinstance(node, dict):
            raise self.fail(place, f"{what}: expected keys and values, got {type(node).__name__}")
        if missing := [key for key in required if key not in node]:
            raise self.fail(place, f"{what} lacks {', '.join(missing)}")
        for key, value in node.items():
            kind = required.get(key) or optional.get(key)
            if kind is None:
                known = ", ".join([*required, *optional])
                raise self.fail((*place, key), f"{what} has no key {key!r}; there are {known}")
            if kind is not object and (not isinstance(value, kind) or (kind is int and value is True)):
                raise self.fail(
                    (*place, key), f"{what}.{key}: expected {kind.__name__}, got {type(value).__name__}"
                )
            if kind is str and not value.strip():
                raise self.fail((*place, key), f"{what}.{key} is empty")
        return node

    def tool(self, raw: Any, key: str) -> AuthoredTool:
        self.check(raw, (), TOOL_KEYS, {"held_out": bool, "faults": dict})
        for table, rows in raw["world"].items():
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise self.fail(("world", table), f"world.{table}: expected a list of records")
        functions = tuple(self.function(node, ("functions", i)) for i, node in enumerate(raw["functions"]))
        asked = tuple(
            self.instruction(node, ("instructions", i)) for i, node in enumerate(raw["instructions"])
        )
        if not functions:
            raise self.fail(("functions",), "a tool has at least one function")
        return AuthoredTool(
            key=key,
            file=self.path,
            **{name: _one_line(raw[name]) for name in TOOL_KEYS if TOOL_KEYS[name] is str},
            world=raw["world"],
            functions=functions,
            faults={int(status): str(text) for status, text in raw.get("faults", {}).items()},
            instructions=asked,
            held_out=raw.get("held_out", False),
            lines=self.lines,
        )

    def function(self, node: Any, place: tuple[Any, ...]) -> AuthoredFunction:
        optional = {"parameters": dict, "status": int, **RULES}
        self.check(node, place, FUNCTION_KEYS, optional)
        route = ROUTE.fullmatch(node["route"].strip())
        if not route:
            raise self.fail(
                (*place, "route"), f"route {node['route']!r}: expected a verb and a path, GET /a/{{b}}"
            )
        for name, keys in RULE_KEYS.items():
            parts = node.get(name, [])
            for i, part in enumerate(parts if isinstance(parts, list) else [parts]):
                where = (*place, name, i) if isinstance(parts, list) else (*place, name)
                if not isinstance(part, dict) or not part.keys() <= keys:
                    raise self.fail(where, f"{node['name']}.{name} takes {', '.join(sorted(keys))}")
                for needed in ("from", "to", "when"):
                    if needed in keys and needed not in part:
                        raise self.fail(where, f"{node['name']}.{name} lacks {needed!r}")
        for name, schema in node.get("parameters", {}).items():
            if not isinstance(schema, dict) or "description" not in schema:
                raise self.fail(
                    (*place, "parameters", name),
                    f"{node['name']}: parameter {name} needs type and description",
                )
        success = 201 if "add" in node else 204 if node.get("remove") and "give" not in node else 200
        return AuthoredFunction(
            name=node["name"].strip(),
            method=route[1].lower(),
            path=route[2],
            description=_one_line(node["description"]),
            parameters=node.get("parameters", {}),
            returns=_one_line(node["returns"]),
            status=node.get("status", success),
            rules={name: node[name] for name in RULES if name in node},
            line=self.lines.get(place, 0),
        )

    def instruction(self, node: Any, place: tuple[Any, ...]) -> AuthoredInstruction:
        required = {"say": str, "conclude": str, "answer": str}
        self.check(node, place, required, {"scenario": str, "steps": list, "derived": list})
        scenario = node.get("scenario", str(Scenario.ORDINARY))
        if scenario not in list(Scenario):
            raise self.fail(
                (*place, "scenario"), f"no scenario {scenario!r}; there are {', '.join(Scenario)}"
            )
        steps = tuple(self.step(step, (*place, "steps", i)) for i, step in enumerate(node.get("steps", [])))
        return AuthoredInstruction(
            _one_line(node["say"]),
            steps,
            _one_line(node["conclude"]),
            node["answer"].strip(),
            scenario,
            tuple(map(str, node.get("derived", []))),
            self.lines.get(place, 0),
        )

    def step(self, node: Any, place: tuple[Any, ...]) -> AuthoredStep:
        optional = {"call": str, "with": dict, "ask": str, "reply": str}
        self.check(node, place, {"thought": str}, optional)
        if ("call" in node) == ("ask" in node) or ("ask" in node) != ("reply" in node):
            raise self.fail(place, "a step has `call` (and `with`), or `ask` and `reply`")
        line = self.lines.get(place, 0)
        thought = _one_line(node["thought"])
        if "ask" in node:
            asked, reply = _one_line(node["ask"]), _one_line(node["reply"])
            return AuthoredStep(thought, question=asked, reply=reply, line=line)
        return AuthoredStep(thought, node["call"].strip(), node.get("with", {}), line=line)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _lines(text: str) -> dict[tuple[Any, ...], int]:
    """Line numbers, from 1, by place: ("functions", 0, "name")."""
    found: dict[tuple[Any, ...], int] = {}

    def walk(node: yaml.Node, place: tuple[Any, ...]) -> None:
        found[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                walk(value, (*place, key.value))
                found[(*place, key.value)] = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode):
            for i, value in enumerate(node.value):
                walk(value, (*place, i))

    node = yaml.compose(text, YamlLoader)
    if node is not None:
        walk(node, ())
    return found


class Library:
    """All authored tools, found by name, by key and by what people ask of them."""

    def __init__(self, tools: list[AuthoredTool]):
        self.tools = tools
        self._by_key = {tool.key: tool for tool in tools}
        self._by_name = {tool.name.casefold(): tool for tool in tools}
        self._asked = {normal(asked.text): (tool, asked) for tool in tools for asked in tool.instructions}

    @functools.cached_property
    def fingerprint(self) -> str:
        """Of all files: another text gives other replies."""
        return content_hash(*(tool.file for tool in self.tools))[:16] if self.tools else ""

    def named(self, name: str, link: str = "") -> AuthoredTool | None:
        """The tool of an API's name; with a link, of that too."""
        tool = self._by_name.get(name.strip().casefold())
        if tool and link and link.strip("/ ").casefold() != tool.link.strip("/ ").casefold():
            return None
        return tool

    def keyed(self, key: str) -> AuthoredTool | None:
        """The tool that a specification's `x-world` names."""
        return self._by_key.get(key)

    def asked(self, instruction: str) -> tuple[AuthoredTool, AuthoredInstruction] | None:
        """The tool and the authored instruction of a text, however it is spaced and punctuated."""
        return self._asked.get(normal(instruction))


def normal(text: str) -> str:
    """A text's words alone, for looking it up."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def load_library() -> Library:
    """The library of this checkout; empty where there is none. A bad file is left out, with a warning."""
    return _library(HOME)


@functools.lru_cache(maxsize=4)
def _library(home: Path) -> Library:
    tools = []
    for path in library_files(home):
        try:
            tools.append(load_tool(path))
        except ToolAlpacaError as error:
            log.warning("left out of the library: %s", error)
    return Library(tools)


def fields_of(tool: AuthoredTool) -> Json:
    """What an API list says of the tool."""
    return {f.name: getattr(tool, f.name) for f in dataclasses.fields(tool) if f.name in TOOL_KEYS}
