"""Whether a model's response can be an answer to its request, as far as that can be told for certain.

The response schema alone lets much pass that no server would send: schemas seldom say what is required.
A check here refuses nothing that an API may do: a list may be empty, and properties beside known ones are
allowed as JSON Schema allows them.
"""

from __future__ import annotations

import re
from typing import Any

from toolalpaca.agents.executors.calls import Response, ToolCall
from toolalpaca.openapi.jsonschemas import Json, follow, object_view
from toolalpaca.openapi.request import spec_of
from toolalpaca.openapi.spec import Operation
from toolalpaca.openapi.validation import check_response
from toolalpaca.schema import ReplyError, Scenario

SHOWN_COMPLAINTS = 3
LIMITS = {"limit", "pagesize", "perpage", "maxresults", "maxitems", "maxcount", "resultsperpage"}
ID = re.compile(r"(?:.*[a-z\d](?:Id|ID)|.*[_-]id|id)")
ERROR_KEYS = {"error", "errors"}
ABOUT_ERRORS = ERROR_KEYS | {
    "message",
    "code",
    "status",
    "statuscode",
    "detail",
    "details",
    "title",
    "success",
}


def require_fit(call: ToolCall, response: Response) -> Response:
    """The response with the status that the specification knows, held against specification and request.

    Raises:
        ReplyError: `response_schema` or `response_request`, naming what does not fit and what was expected.
    """
    operation = spec_of(call.tool).operations[call.function]
    response = _with_known_status(operation, response)
    wrong = check_response(spec_of(call.tool), call.function, response.status, response.body)
    if wrong:
        raise ReplyError("response_schema", "; ".join(wrong[:SHOWN_COMPLAINTS]))
    if wrong := complaint(call, operation, response):
        raise ReplyError("response_request", wrong)
    return response


def complaint(call: ToolCall, operation: Operation, response: Response) -> str:
    """What is wrong with a successful response that its schema lets pass; "" for nothing."""
    answer = operation.response(response.status)
    if not 200 <= response.status < 300 or answer is None or response.body in ("", None):
        return ""
    schemas = [media.schema for media in answer.media if "json" in media.type]
    if len(schemas) != 1 and answer.media:
        return ""
    schema, body = schemas[0] if schemas else {}, response.body
    return (
        _hollow(body, schema, schema, "the body")
        or _error_body(body, schema)
        or _strange(body, schema, schema, "the body")
        or _other_id(call, operation, body)
        or ("" if call.scenario == Scenario.LONG_OUTPUT else _over_limit(call, body))
    )


def _with_known_status(operation: Operation, response: Response) -> Response:
    """200 where another success is documented, or 201 where 200 is, means the one that is documented."""
    known = [code for code in operation.responses if code[:1] == "2" or code == "default"]
    if operation.response(response.status) or len(known) != 1 or not known[0].isdigit():
        return response
    status = int(known[0])
    meant = response.status == 200 or (response.status == 201 and operation.method in ("post", "put"))
    if meant and (status not in (204, 205) or response.body in ("", {}, None)):
        return Response(status, "" if status in (204, 205) else response.body)
    return response


def _known(schema: Any, root: Json) -> Json:
    """The properties that an object schema lists; {} where it lists none or allows any other by name."""
    schema = follow(schema, root)
    view = object_view(schema, root)
    return view["properties"] if view and not view["additional"] and "patternProperties" not in schema else {}


def _objects(body: Any, schema: Any, root: Json, where: str) -> list[tuple[str, Json, Json]]:
    """The objects among the body, its entries and those of lists in it: place, value and known properties."""
    if isinstance(body, list):
        items = follow(schema, root).get("items", {})
        return [found for i, one in enumerate(body) for found in _objects(one, items, root, f"{where}[{i}]")]
    if not isinstance(body, dict):
        return []
    known = _known(schema, root)
    found = [(where, body, known)]
    for name, value in body.items():
        if isinstance(value, list):
            found += _objects(value, known.get(name, {}), root, name)
    return found


def _hollow(body: Any, schema: Json, root: Json, where: str) -> str:
    for place, value, known in _objects(body, schema, root, where):
        if not value and known:
            return f"{place} is empty; expected values for {', '.join(list(known)[:8])}"
    return ""


def _error_body(body: Any, schema: Json) -> str:
    if not isinstance(body, dict):
        return ""
    known = _known(schema, schema)
    stated = [k for k in body if k.lower() in ERROR_KEYS and body[k] and k not in known]
    alone = {k.lower().replace("_", "") for k in body} <= ABOUT_ERRORS
    if stated and (known or (alone and not schema)):
        return f"an error ({stated[0]!r}) under a success status; return the error's own status, such as 404"
    return ""


def _strange(body: Any, schema: Json, root: Json, where: str) -> str:
    """An object of which the schema knows no property, or a property that is another's name misspelled."""
    for place, value, known in _objects(body, schema, root, where):
        if not known or not value:
            continue
        listed = ", ".join(list(known)[:8])
        if not value.keys() & known.keys():
            return f"{place} has none of the properties of its schema; expected {listed}"
        missing = {_plain(name): name for name in known if name not in value}
        for name in value:
            if name not in known and _plain(name) in missing:
                return f"{place} has {name!r}; the schema calls it {missing[_plain(name)]!r}"
    return ""


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _other_id(call: ToolCall, operation: Operation, body: Any) -> str:
    """An object other than the one that was asked for by id, or an id that is not the one sent."""
    if isinstance(body, dict) and len(body) == 1 and isinstance(next(iter(body.values())), dict):
        body = next(iter(body.values()))  # {"pet": {...}}
    if not isinstance(body, dict):
        return ""
    for name, sent in call.request.arguments.items():
        if not ID.fullmatch(name) or isinstance(sent, bool) or not isinstance(sent, (str, int)):
            continue
        for place in _echoes(operation, name, body):
            came = body.get(place)
            if isinstance(came, (str, int)) and str(came).casefold() != str(sent).casefold():
                return f"{place} is {came!r} where {name} {sent!r} was asked for; return that one, or 404"
    return ""


def _echoes(operation: Operation, name: str, body: Json) -> list[str]:
    """The properties that hold an id that was sent: where the path names its thing, or a new thing keeps it.

    What is below a thing (`/users/{userId}/manager`) has its own id, under the same name perhaps.
    """
    *_, above, last = ["", "", *operation.path.rstrip("/").split("/")]
    if last == f"{{{name}}}" and operation.method != "post":
        return [name, "id"] if name not in body and _is_of(above, name) else [name]
    if operation.method == "get":
        return [name] if _is_of(last, name) else []
    # A bare `id` in the answer is the new thing's own.
    sent_along = operation.method == "post" and name != "id" and f"{{{name}}}" not in operation.path
    return [name] if sent_along else []


def _is_of(segment: str, name: str) -> bool:
    """Whether a part of a path is that of the thing which an id is of: `pets` or `getPetDetails` of petId."""
    thing = _plain(name).removesuffix("id")
    word = re.sub(r"\A(?:get|show|fetch|view|find|lookup)|(?:details?|info|byid)\Z", "", _plain(segment))
    return bool(thing) and word in {thing, f"{thing}s", f"{thing}es", f"{thing[:-1]}ies"}


def _over_limit(call: ToolCall, body: Any) -> str:
    """More entries than the limit: in a body that is a list, or in its only list of objects."""
    if isinstance(body, dict):
        lists = [v for v in body.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
        body = lists[0] if len(lists) == 1 else None
    if not isinstance(body, list):
        return ""
    for name, limit in call.request.arguments.items():
        if _plain(name) in LIMITS and isinstance(limit, int) and 0 < limit < len(body):
            return f"{len(body)} entries where {name} is {limit}; return {limit} at most"
    return ""
