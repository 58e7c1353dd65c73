"""SFTTrainer whose head reads only the tokens that are trained, where that pays: on the CPU. Its curve."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint
from transformers import TrainerCallback
from trl import SFTTrainer

from toolalpaca.files import dumps
from toolalpaca.training.masks import IGNORED

METRICS = "metrics.jsonl"
CHUNK = (
    128  # tokens whose probabilities over the vocabulary exist in float32 at a time: 25 MB of 49,000 words
)


class Trainer(SFTTrainer):
    """TRL's trainer; packed rows on the CPU take a shorter way to the same loss.

    TRL's head goes over every position in chunks and computes each twice, which spares a GPU's memory. On
    the CPU that is almost half of a small model's step, and three tokens in four carry no loss.
    """

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The mean negative log-likelihood of the trained tokens; see `SFTTrainer.compute_loss`."""
        labels = inputs.get("labels")
        packed = labels is not None and labels.shape[0] == 1 and "attention_mask" not in inputs
        plain = self.args.loss_type == "nll" and self.label_smoother is None
        if not packed or not plain or return_outputs or labels.device.type != "cpu":
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        targets = labels[0, 1:]  # (tokens - 1)
        trained = (targets != IGNORED).nonzero()[:, 0]
        given = {name: value for name, value in inputs.items() if name != "labels"}
        logits = model(**given, use_cache=False, logits_to_keep=trained).logits[0]  # (trained, vocabulary)
        parts = zip(logits.split(CHUNK), targets[trained].split(CHUNK), strict=True)
        total = sum((checkpoint(_surprise, *part, use_reentrant=False) for part in parts), torch.zeros(()))
        count = trained.numel() if num_items_in_batch is None else num_items_in_batch
        loss = total / max(int(count), 1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # DDP takes the mean of the gradients
        right = self.accelerator.gather((logits.argmax(-1) == targets[trained]).sum()).sum()
        read, shown = (
            self.accelerator.gather(torch.tensor(n)).sum().item() for n in (len(trained), labels.numel())
        )
        self._total_train_tokens += shown
        self._metrics["train"]["mean_token_accuracy"].append(right.item() / max(read, 1))
        self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
        return loss


def _surprise(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return cross_entropy(logits.float(), targets, reduction="sum")


class MetricsFile(TrainerCallback):
    """Every logged value as one line of `metrics.jsonl`, from the main process.

    Lines after the checkpoint that a run resumes from are dropped, so that the file is one curve.
    """

    def __init__(self, folder: str | Path):
        self.path = Path(folder) / METRICS

    def on_train_begin(self, args, state, control, **kwargs):
        if not state.is_world_process_zero:
            return
        kept = []
        if self.path.is_file():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                if line.endswith("}") and json.loads(line)["step"] <= state.global_step:
                    kept.append(line + "\n")
        self.path.write_text("".join(kept), encoding="utf-8")

    def on_log(self, args, state, control, logs=None, **kwargs):
        if state.is_world_process_zero and logs:
            row = {"step": state.global_step, "time": round(time.time(), 3), **logs}
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(dumps(row) + "\n")
