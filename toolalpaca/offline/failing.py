"""What goes wrong at the teacher's server when the scenario wants it, in the specification's own form."""

from __future__ import annotations

import json
import random
import re
from typing import Any

from toolalpaca.offline import fields
from toolalpaca.offline.generation import make
from toolalpaca.offline.memory import is_id, objects
from toolalpaca.openapi.jsonschemas import Json, object_view
from toolalpaca.openapi.spec import Operation, Spec
from toolalpaca.openapi.validation import check_response

MESSAGES = ("message", "error", "detail", "details", "description", "title", "reason")


def steered_error(
    operation: Operation, arguments: Json, exchanges: list[dict[str, Any]], scenario: str
) -> tuple[int, str] | None:
    """Status and message of the error that the scenario (a schema.Scenario value) wants now, if it does."""
    before = [int(e["status"]) for e in exchanges]
    draw = fields.digest(operation.name, json.dumps(arguments, sort_keys=True, default=str))
    if scenario == "server_error" and not any(s >= 500 for s in before):
        return ((500, "Internal error, please try again."), (503, "The service is temporarily unavailable."))[
            draw % 2
        ]
    if scenario == "rate_limit" and 429 not in before:
        return 429, f"Too many requests. Try again in {draw % 50 + 5} seconds."
    if scenario == "data_not_found" and (not exchanges or before[-1] == 404):
        value = next((v for v in arguments.values() if isinstance(v, str)), "")
        return 404, f"Nothing was found for '{value}'." if value else "Nothing was found."
    if scenario == "rejected_parameter" and 400 not in before:
        return _rejection(operation, arguments, draw)
    return None


def _rejection(operation: Operation, arguments: Json, draw: int) -> tuple[int, str] | None:
    body = object_view(operation.body.schema) if operation.body else None
    schemas = {p["name"]: p["schema"] for p in operation.parameters} | (body["properties"] if body else {})
    for name, value in arguments.items():
        schema = schemas.get(name, {})
        free = isinstance(schema, dict) and not schema.keys() & {"enum", "format", "pattern", "const"}
        if not (free and isinstance(value, str)) or is_id(name) or re.search(r"\d|@", value):
            continue
        forms = [("lower case", value.lower())]
        if 1 <= value.count(" ") <= 3:
            forms.append(("words joined by hyphens", value.replace(" ", "-")))
        forms = [f for f in forms if f[1] != value and not value.isupper()]
        if forms:
            form, accepted = forms[draw % len(forms)]
            return 400, f"Invalid value '{value}' for parameter '{name}': expected {form}, use '{accepted}'."
    return None


def error_response(spec: Spec, operation: Operation, status: int, message: str, seed: int) -> tuple[int, Any]:
    """An error in the form that the specification gives it, else `{"error": message}`."""
    answer = operation.response(status)
    for media in answer.media if answer else ():
        if "json" not in media.type or not media.schema:
            continue
        body = make(media.schema, random.Random(fields.digest(operation.name, status)), seed)
        if isinstance(body, str):
            body = message
        for found in objects(body):
            for name, value in found.items():
                if isinstance(value, str) and name.lower() in MESSAGES:
                    found[name] = message
                elif (
                    name.lower() in ("code", "status", "statuscode")
                    and isinstance(value, int)
                    and not isinstance(value, bool)
                ):
                    found[name] = status
        if not check_response(spec, operation.name, status, body):
            return status, body
    return status, {"error": message}
