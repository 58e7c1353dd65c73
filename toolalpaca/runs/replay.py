"""`replay:RUN`: a model that answers from a finished run's ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from toolalpaca.models.boundary import ChatModel, Completion, Fault, ModelFailure, completion_key
from toolalpaca.models.prompts import Prompt
from toolalpaca.runs import ledger as store
from toolalpaca.runs import statements as sql
from toolalpaca.runs.recorder import REDRAWN, failure_key
from toolalpaca.schema import ToolAlpacaError


class Replay(ChatModel):
    """`replay:RUN`: what `role` was answered in a stage of a finished run. Opens no socket.

    Raises:
        ToolAlpacaError: no such run, or no model in that stage and role.
    """

    def __init__(self, run: str | Path, stage: str, role: str):
        path = Path(run) / "ledger.sqlite"
        if not path.is_file():
            raise ToolAlpacaError(f"replay:{run}: {path} does not exist; give the folder of a finished run")
        self._connection = store.connect(path, readonly=True)
        found = self._connection.execute(sql.MODEL, (stage, role)).fetchone()
        if found is None:
            roles = [" ".join(names) for names in self._connection.execute("SELECT stage, role FROM models")]
            raise ToolAlpacaError(
                f"replay:{run}: that run has no model for stage {stage}, role {role}; "
                f"it has {', '.join(roles) or 'none'}"
            )
        self.run = run
        self._identity: dict[str, Any] = json.loads(found[0])
        self.name = self.identity["model"]

    @property
    def identity(self) -> dict[str, Any]:
        """That of the model whose replies these were."""
        return self._identity

    async def complete(
        self,
        prompt: Prompt,
        sample: int = 0,
        stop: list[str] | None = None,
        on_fault: Fault | None = None,
    ) -> Completion:
        """The stored reply; where a retry drew others in its place, the last.

        Raises:
            ModelFailure: the call failed for good in that run.
            ToolAlpacaError: the run never asked this.
        """
        found, drawn = None, sample
        while True:
            key = completion_key(self.identity, prompt, drawn, stop)
            stored = store.read_completion(self._connection, key)
            if stored is None:
                break
            found, drawn = stored, drawn + REDRAWN
        failure = self._connection.execute(sql.META, (failure_key(key),)).fetchone()
        if failure is not None:  # of the last draw
            raise ModelFailure(*json.loads(failure[0]))
        if found is None:
            raise ToolAlpacaError(
                f"replay:{self.run} has no reply to prompt {prompt.name!r}, sample {sample} "
                f"(key {key.hex()[:12]}): the inputs, prompts or parameters differ from those of that run"
            )
        return found
