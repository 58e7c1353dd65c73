"""A small world behind an authored tool: records, and how each function reads and changes them."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from typing import Any

from toolalpaca.offline.library.expressions import (
    NOW,
    TODAY,
    ExpressionError,
    Record,
    as_record,
    evaluate,
    fill,
    names_in,
)
from toolalpaca.offline.library.tools import AuthoredFunction, AuthoredTool
from toolalpaca.schema import Scenario

Json = dict[str, Any]
FAULTS = {
    Scenario.SERVER_ERROR: {500: "Internal server error", 503: "The service is unavailable for the moment"},
    Scenario.RATE_LIMIT: {429: "Too many requests, try again shortly"},
}


class Refused(Exception):
    """The world answers a call with an error status."""

    def __init__(self, status: int, error: str):
        super().__init__(error)
        self.status, self.error = status, error


class World:
    """The records of one instance. Nothing is shared with other worlds of the tool, nothing is random."""

    def __init__(self, tool: AuthoredTool):
        self.tool = tool
        self.tables: dict[str, list[Any]] = {name: as_record(rows) for name, rows in tool.world.items()}

    def replay(self, calls: Iterable[tuple[str, Json]]) -> World:
        """Make calls again that were answered before; returns the world itself."""
        for name, arguments in calls:
            with contextlib.suppress(ExpressionError):
                self.answer(name, arguments)
        return self

    def answer(self, name: str, arguments: Json) -> tuple[int, Any]:
        """Status and JSON body of a call whose arguments fit the specification.

        Raises:
            KeyError: the tool has no such function.
            ExpressionError: a rule cannot be carried out with these arguments.
        """
        function = self.tool.function(name)
        if function is None:
            raise KeyError(name)
        try:
            body = self._carry_out(function, self._names(function, arguments), arguments)
        except Refused as refused:
            return refused.status, {"error": refused.error}
        return function.status, "" if function.status == 204 else plain(body)

    def _names(self, function: AuthoredFunction, arguments: Json) -> Json:
        given = {name: schema.get("default") for name, schema in function.parameters.items()}
        given |= {name: as_record(value) for name, value in arguments.items()}
        tables = Record(self.tables)
        constants = {"now": NOW, "today": TODAY, "True": True, "False": False, "None": None}
        return {**self.tables, **constants, **given, "world": tables, "args": Record(given)}

    def _carry_out(self, function: AuthoredFunction, names: Json, arguments: Json) -> Any:
        rules = function.rules
        absent = {n for n in function.parameters if names["args"][n] is None and n not in arguments}
        for name, expression in rules.get("let", {}).items():
            names[name] = evaluate(expression, names)
        if "one" in rules:
            rule = rules["one"]
            names["row"] = next(self._matching(rule, names, absent), None)
            if names["row"] is None:
                raise Refused(404, fill(str(rule.get("missing", "Nothing was found")), names))
        if "many" in rules:
            names["rows"] = self._many(rules["many"], names, absent)
        for name, expression in rules.get("then", {}).items():
            names[name] = evaluate(expression, names)
        for refusal in rules.get("refuse", []):
            if not absent & names_in(str(refusal["when"])) and evaluate(refusal["when"], names):
                error = fill(str(refusal.get("error", "The request was refused")), names)
                raise Refused(int(refusal.get("status", 400)), error)
        if "add" in rules:
            row = Record({name: evaluate(value, names) for name, value in rules["add"]["row"].items()})
            self._table(rules["add"]["to"]).append(row)
            names["row"] = row
        if "set" in rules:
            changed = {name: evaluate(value, names) for name, value in rules["set"].items()}
            names["row"].update(as_record(changed))
        if rules.get("remove"):
            for rows in self.tables.values():
                rows[:] = [row for row in rows if row is not names["row"]]
        return self._given(rules, names)

    def _table(self, name: str) -> list[Any]:
        if name not in self.tables:
            raise ExpressionError(f"there is no table {name!r}; the world has {', '.join(self.tables)}")
        return self.tables[name]

    def _matching(self, rule: Json, names: Json, absent: set[str]) -> Any:
        source = rule["from"]
        rows = self.tables[source] if source in self.tables else evaluate(source, names)
        conditions = rule.get("where", [])
        conditions = [conditions] if isinstance(conditions, str) else conditions
        asked = [c for c in conditions if not isinstance(c, str) or not absent & names_in(c)]
        for row in list(rows or []):
            inner = {**names, "row": row}
            if all(_holds(condition, inner) for condition in asked):
                yield row

    def _many(self, rule: Json, names: Json, absent: set[str]) -> list[Any]:
        rows = list(self._matching(rule, names, absent))
        if "sort" in rule:
            backwards = bool(evaluate(rule.get("descending", False), names))
            keys = [_sort_key(evaluate(rule["sort"], {**names, "row": row})) for row in rows]
            order = sorted(range(len(rows)), key=lambda i: keys[i], reverse=backwards)
            rows = [rows[i] for i in order]
        offset = int(evaluate(rule.get("offset"), names) or 0)
        limit = evaluate(rule.get("limit"), names)
        return rows[offset:] if limit is None else rows[offset : offset + int(limit)]

    def _given(self, rules: Json, names: Json) -> Any:
        give = rules.get("give")
        whole = names.get("rows") if "many" in rules else names.get("row")
        if give is None:
            return whole
        if isinstance(give, list):
            rows = whole if isinstance(whole, list) else None
            if rows is None:
                return {name: (whole or {}).get(name) for name in give}
            return [{name: row.get(name) for name in give} for row in rows]
        return _built(give, names)


def _built(give: Any, names: Json) -> Any:
    if isinstance(give, dict):
        return {name: _built(value, names) for name, value in give.items()}
    return evaluate(give, names)


def _holds(condition: Any, names: Json) -> bool:
    """Whether a condition holds; one that compares with nothing does not."""
    try:
        return bool(evaluate(condition, names))
    except ExpressionError as error:
        if isinstance(error.__cause__, TypeError):
            return False
        raise


def _sort_key(value: Any) -> Any:
    if isinstance(value, list):
        return [_sort_key(item) for item in value]
    return (value is None, isinstance(value, str), 0 if value is None else value)


def plain(value: Any) -> Any:
    """A value as JSON knows it; floats lose the noise of binary arithmetic."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    return float(f"{value:.10g}") if isinstance(value, float) else value


def fault(tool: AuthoredTool, scenario: str, function: str, statuses: list[int]) -> tuple[int, Any] | None:
    """The error that meets the first call of an instance whose scenario wants one; None for any other.

    Args:
        statuses: of the instance's earlier answers.
    """
    known = FAULTS.get(scenario)
    if not known or any(status in known or status >= 500 for status in statuses if status >= 429):
        return None
    wanted = {s: t for s, t in tool.faults.items() if (s >= 500) == (scenario == Scenario.SERVER_ERROR)}
    texts = wanted or known
    at = int.from_bytes(hashlib.sha256(f"{tool.key}\0{function}".encode()).digest()[:4], "big") % len(texts)
    status = sorted(texts)[at]
    return status, {"error": texts[status]}
