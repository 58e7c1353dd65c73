"""The model that a user named. It stands here because this is the lowest room that knows all kinds."""

from __future__ import annotations

from toolalpaca.models.boundary import ChatModel, ModelConfig
from toolalpaca.schema import ToolAlpacaError


def load_model(name: str | ModelConfig, *, seed: int = 0) -> ChatModel:
    """The model a user named: `openai/<model>`, `hf/<path or Hub id>` or `offline`.

    `replay:<run>` needs the role it plays and is opened by `Run.model`.

    Raises:
        ToolAlpacaError: an unknown name, a missing key, a folder that is no checkpoint.
    """
    config = name if isinstance(name, ModelConfig) else ModelConfig(name)
    kind, _, rest = config.model.partition("/")
    if config.model == "offline":
        from toolalpaca.offline.teacher import OfflineModel

        return OfflineModel(seed=seed)
    if kind == "openai" and rest:
        from toolalpaca.models.endpoint import OpenAIModel

        return OpenAIModel(config)
    if kind == "hf" and rest:
        from toolalpaca.models.hf import HFModel

        return HFModel(config, seed=seed)
    raise ToolAlpacaError(
        f"unknown model {config.model!r}: "
        "expected openai/<model>, hf/<path or Hub id>, offline or replay:<run>"
    )
