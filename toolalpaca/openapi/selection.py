"""A part of a large specification: some of its operations, and of the rest only what these refer to."""

from __future__ import annotations

import copy
import random
from collections import defaultdict
from typing import Any

from toolalpaca.openapi.mending import METHODS, descend, objects

Json = dict[str, Any]


def select(document: Json, most: int, seed: int = 0) -> tuple[Json, int]:
    """A document with at most `most` operations, and how many it had; the same one where it had no more.

    Whole tags are taken in an order drawn by `seed`, so that what belongs together stays together; the last
    one, and a document without tags, gives a part drawn at random.
    """
    tagged: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path, item in document["paths"].items():
        for method in METHODS if isinstance(item, dict) else ():
            if isinstance(item.get(method), dict):
                tags = item[method].get("tags")
                first = tags[0] if isinstance(tags, list) and tags and isinstance(tags[0], str) else ""
                tagged[first].append((path, method))
    count = sum(map(len, tagged.values()))
    if count <= most:
        return document, count
    rng = random.Random(f"{seed}\0{document.get('info', {}).get('title', '')}")
    chosen: set[tuple[str, str]] = set()
    for tag in rng.sample(sorted(tagged), len(tagged)):
        left = most - len(chosen)
        whole = tagged[tag] if len(tagged[tag]) <= left else rng.sample(tagged[tag], left)
        chosen.update(whole)
        if len(chosen) == most:
            break
    part = copy.copy(document)
    part["paths"] = {}
    for path, item in document["paths"].items():
        kept = {m for m in METHODS if (path, m) in chosen}
        if kept:
            part["paths"][path] = {k: v for k, v in item.items() if k not in METHODS or k in kept}
    for outside in ("webhooks", "x-webhooks"):
        part.pop(outside, None)
    if isinstance(document.get("components"), dict):
        part["components"] = _referred(document, part)
    return part, count


def _referred(document: Json, part: Json) -> Json:
    """The components that a part refers to, directly or through others; security schemes stay."""
    kept: Json = {}
    if "securitySchemes" in document["components"]:
        kept["securitySchemes"] = document["components"]["securitySchemes"]
    waiting: list[Any] = [{k: v for k, v in part.items() if k != "components"}]
    seen: set[str] = set()
    while waiting:
        for node, _ in objects({"document": waiting.pop()}):
            references = [node.get("$ref"), *_mapped(node)]
            for reference in references:
                if not isinstance(reference, str) or reference in seen:
                    continue
                seen.add(reference)
                steps = reference.split("/")
                found, target = descend(document, reference)
                if found and steps[:2] == ["#", "components"] and len(steps) > 3:
                    name = steps[3].replace("~1", "/").replace("~0", "~")
                    group = document["components"].get(steps[2])
                    if isinstance(group, dict) and name in group:
                        kept.setdefault(steps[2], {})[name] = group[name]
                        target = group[name]
                if found:
                    waiting.append(target)
    return kept


def _mapped(node: Json) -> list[Any]:
    """What a discriminator's mapping refers to."""
    discriminator = node.get("discriminator")
    mapping = discriminator.get("mapping") if isinstance(discriminator, dict) else None
    return list(mapping.values()) if isinstance(mapping, dict) else []
