"""A tool with one function and a model that says its lines, for tests of the agents."""

from __future__ import annotations

import json

from toolalpaca.models.boundary import ChatModel, Completion
from toolalpaca.openapi.validation import documentation_of, functions_of
from toolalpaca.schema import Tool

SPEC = json.dumps(
    {
        "openapi": "3.0.0",
        "info": {"title": "Plants", "version": "1"},
        "servers": [{"url": "https://plants.example/v1"}],
        "paths": {
            "/plants": {
                "get": {
                    "operationId": "searchPlants",
                    "summary": "Search plants by name.",
                    "parameters": [
                        {"name": "query", "in": "query", "required": True, "schema": {"type": "string"}},
                        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}},
                    ],
                    "responses": {
                        "200": {
                            "description": "The plants found.",
                            "content": {
                                "application/json": {
                                    "schema": {
                                        "type": "object",
                                        "required": ["plants"],
                                        "properties": {
                                            "plants": {
                                                "type": "array",
                                                "items": {
                                                    "type": "object",
                                                    "required": ["id"],
                                                    "properties": {
                                                        "id": {"type": "integer"},
                                                        "name": {"type": "string"},
                                                    },
                                                },
                                            }
                                        },
                                    }
                                }
                            },
                        }
                    },
                }
            }
        },
    }
)
FUNCTIONS = functions_of(SPEC)
TOOL = Tool("t/plants", "Plants", "Nature", "", "Plants.", "", documentation_of(FUNCTIONS), SPEC, FUNCTIONS)
FOUND = 'Status Code: 200. Response: {"plants": [{"id": 7, "name": "fern"}]}'
ANSWER = "Thought: done\nFinal Answer: The fern has id 7."


def call(arguments: object, function: str = "searchPlants") -> str:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return f"Thought: look\nAction: {function}\nAction Input: {written}"


SEARCH = call({"query": "fern"})


class Scripted(ChatModel):
    """A model that says its lines in order; an exception among them is raised."""

    def __init__(self, *lines: str | Exception):
        self.name, self.lines, self.prompts, self.samples = "scripted", list(lines), [], []

    async def complete(self, prompt, sample=0, stop=None, on_fault=None):
        self.prompts.append(prompt)
        self.samples.append(sample)
        line = self.lines.pop(0)
        if isinstance(line, Exception):
            raise line
        return Completion(line)
