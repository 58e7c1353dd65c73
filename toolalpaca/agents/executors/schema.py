"""Calls answered from the specification itself, by the embedded teacher's seeded values."""

from __future__ import annotations

from toolalpaca.agents.executors.calls import Response, ToolCall


class SchemaExecutor:
    """The specification's own seeded responses, from the embedded teacher; no model is asked."""

    def __init__(self, seed: int = 0):
        self.name, self.seed = "schema", seed

    async def execute(self, call: ToolCall) -> Response:
        """A response that obeys the specification and agrees with the instance's earlier ones."""
        from toolalpaca.offline.respond import schema_response  # the teacher imports Faker

        exchanges = [
            {"request": e.request.to_row(), "status": e.status, "response": e.response}
            for e in call.exchanges
        ]
        status, body = schema_response(
            call.tool.openapi, call.function, call.request.to_row(), exchanges, str(call.scenario), self.seed
        )
        return Response(status, body)
