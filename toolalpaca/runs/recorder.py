"""A model whose replies are stored in a run's ledger, and never asked for twice."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from toolalpaca.models.boundary import ChatModel, Completion, Fault, ModelFailure, completion_key
from toolalpaca.models.pacing import Refusals, Stopped
from toolalpaca.models.prompts import Prompt
from toolalpaca.models.retrying import KEY_REFUSED, UNPAID
from toolalpaca.runs import statements as sql
from toolalpaca.runs.forecast import ROW_USAGE
from toolalpaca.runs.ledger import Ledger

REDRAWN = 1_000_000  # a draw's sample index is so much above that of the one whose place it takes
EXPECTED_OUT = 1024  # tokens assumed for a reply whose length has no limit, when money is reserved
LENGTH_LIMITS = ("max_tokens", "max_completion_tokens")
BYTES_PER_TOKEN = 3  # pessimistic for English and for Chinese, for reserving money


@dataclass
class Meter:
    """What a stage's calls have come to, shared by its models. Money is in US dollars."""

    calls: int = 0
    served: int = 0  # from the ledger
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    reserved: float = 0.0  # for calls in flight
    reservations: int = 0
    max_cost: float | None = None
    too_dear: float = 0.0  # what the call might have cost that was not sent for it
    stopping: str = ""  # why no further call is sent
    refused: int = 0  # calls that ended in a permanent failure
    key_refused: int = 0  # of those, because of the key or the account
    answered: int = 0  # calls that ended in a reply
    last_refusal: str = ""
    last_reason: str = ""
    faults: dict[str, int] = field(default_factory=dict)
    retrying: bool = False  # rows that failed before are tried anew: useless replies are drawn again


class Recorded(ChatModel):
    """`model`, with each reply committed to the ledger before it is returned, and never asked for twice."""

    def __init__(
        self, model: ChatModel, ledger: Ledger, meter: Meter, *, stage: str, role: str, seed: int = 0
    ):
        self.model, self.ledger, self.meter = model, ledger, meter
        self.stage, self.role = stage, role
        self.name = model.name
        self._identity = model.identity
        self.prices, self.gate = model.prices, model.gate
        sent = self.identity.get("parameters") or {}
        limits = [sent[name] for name in LENGTH_LIMITS if sent.get(name)]
        self._most_out = max(limits, default=EXPECTED_OUT)  # tokens of a reply; more once more were seen
        self._most_in = 0.0  # tokens of a prompt, as a multiple of what _estimate says; 0: none was seen
        self.free = self.identity.get("model") == "offline"
        self.refusals = Refusals()
        self._any_reply = (sql.ANY_REPLY, stage, role)
        self.prompts: set[str] = set()  # names of those that were sent
        self._asking: dict[bytes, asyncio.Future[Completion]] = {}
        self.at_work = 0  # calls that a model without a gate answers, and replies being stored

    @property
    def identity(self) -> dict[str, Any]:
        """The recorded model's."""
        return self._identity

    def scrub(self, text: str) -> str:
        """As the recorded model scrubs it."""
        return self.model.scrub(text)

    async def aclose(self) -> None:
        """Close the recorded model."""
        await self.model.aclose()

    async def complete(
        self,
        prompt: Prompt,
        sample: int = 0,
        stop: list[str] | None = None,
        on_fault: Fault | None = None,
    ) -> Completion:
        """The stored reply, or a new one that is stored first.

        Raises:
            ModelFailure: the endpoint failed for good.
            Stopped: the run is being stopped.
        """
        key, sample = self._latest(prompt, sample, stop)
        if self.free:
            return await self._free(key, prompt, sample, stop)
        if stored := self.ledger.completion(key):
            self.meter.served += 1
            return stored
        if asking := self._asking.get(key):
            return await asyncio.shield(asking)
        if self.meter.stopping:
            raise Stopped
        asking = self._asking[key] = asyncio.get_running_loop().create_future()
        try:
            completion = await self._paid(key, prompt, sample, stop)
        except BaseException as error:
            asking.set_exception(error if isinstance(error, Exception) else Stopped())
            asking.exception()  # there may be nobody else to see it
            raise
        else:
            asking.set_result(completion)
            return completion
        finally:
            del self._asking[key]

    def spent(self) -> float:
        """US dollars of what the ledger holds of this stage and role."""
        return self.price(*self.ledger.query(sql.SPENT, self.stage, self.role)[0])

    def reject(self, prompt: Prompt, sample: int, reason: str, stop: list[str] | None = None) -> None:
        """Note that a stored reply was of no use."""
        self.ledger.put(sql.REJECT, reason, self._latest(prompt, sample, stop)[0])

    def _latest(self, prompt: Prompt, sample: int, stop: list[str] | None) -> tuple[bytes, int]:
        """Key and sample index of the draw that counts as `sample`: in a retry, of one that is to be made."""
        key = completion_key(self.identity, prompt, sample, stop)
        if self.free and not self.meter.retrying:
            return key, sample  # it answers the same again, sooner than it can be looked up
        while (rejected := self.ledger.rejected(key)) is not None:
            again = completion_key(self.identity, prompt, sample + REDRAWN, stop)
            if self.ledger.rejected(again) is None and not (rejected and self.meter.retrying):
                break
            key, sample = again, sample + REDRAWN
        return key, sample

    async def _free(self, key: bytes, prompt: Prompt, sample: int, stop: list[str] | None) -> Completion:
        # The embedded teacher costs less than a look-up, and losing its last replies loses nothing.
        completion = await self.model.complete(prompt, sample, stop)
        self._store(self.ledger.put, key, prompt, sample, completion)
        self.meter.calls += 1
        self.meter.answered += 1
        while self.ledger.crowded:
            await asyncio.sleep(0.005)
        return completion

    async def _paid(self, key: bytes, prompt: Prompt, sample: int, stop: list[str] | None) -> Completion:
        meter = self.meter
        reserved = await self._reserve(prompt)
        self.prompts.add(prompt.name)
        gated = self.paid
        self.at_work += not gated
        number = self.refusals.begin()
        try:
            completion = await self.model.complete(prompt, sample, stop, self.fault)
            meter.answered += 1
            if gated:
                self.at_work += 1
                self.gate.changed()
            gated = False
            await self._store(self.ledger.commit, key, prompt, sample, completion)
        except ModelFailure as failure:
            self.ledger.set_meta(failure_key(key), [failure.reason, failure.detail, failure.attempts])
            if failure.permanent:
                meter.refused += 1
                meter.key_refused += failure.reason in KEY_REFUSED
                meter.last_refusal, meter.last_reason = failure.detail, failure.reason
                unpaid = failure.reason in UNPAID
                # Where anything was ever answered, the row's own request is at fault: too long a prompt.
                if self.refusals.add(number, unpaid) and (unpaid or not self.ledger.query(*self._any_reply)):
                    meter.stopping = "refused"
            raise
        finally:
            self.at_work -= not gated
            if meter.max_cost is not None:
                meter.reserved -= reserved
                meter.reservations -= 1
        meter.calls += 1
        self._bill(completion)
        if meter.max_cost is not None:
            self._most_in = max(self._most_in, completion.tokens_in / _estimate(prompt), 1.0)
            self._most_out = max(self._most_out, completion.tokens_out)
            counted = completion.tokens_in and (completion.tokens_out or not completion.text)
            if not counted and self.price(1, 1):  # what it cost cannot be known
                meter.stopping = meter.stopping or "uncounted"
        return completion

    def _store(self, put: Any, key: bytes, prompt: Prompt, sample: int, completion: Completion) -> Any:
        reply = completion.raw or completion.text
        self.ledger.noted(key)
        return put(
            sql.INSERT_COMPLETION,
            key,
            self.stage,
            self.role,
            prompt.name,
            sample,
            reply,
            bool(completion.raw),
            completion.finish_reason,
            completion.tokens_in,
            completion.tokens_out,
            time.time(),
        )

    def price(self, tokens_in: float, tokens_out: float) -> float:
        """US dollars, as far as prices are known."""
        price_in, price_out = self.prices
        return (tokens_in * (price_in or 0) + tokens_out * (price_out or 0)) / 1e6

    def _bill(self, completion: Completion) -> None:
        self.meter.tokens_in += completion.tokens_in
        self.meter.tokens_out += completion.tokens_out
        cost = self.price(completion.tokens_in, completion.tokens_out)
        self.meter.cost += cost
        if usage := ROW_USAGE.get():
            usage.add(completion.tokens_in, completion.tokens_out, cost)

    async def _reserve(self, prompt: Prompt) -> float:
        meter = self.meter
        if meter.max_cost is None:
            return 0.0
        while True:
            cost = self.price(_estimate(prompt) * (self._most_in or 1), self._most_out)
            fits = meter.cost + meter.reserved + cost <= meter.max_cost
            # The first call of a role goes alone: what it comes to is not known before.
            if fits and (self._most_in or not meter.reservations):
                break
            if not meter.reservations:
                meter.stopping, meter.too_dear = "max_cost", cost
            if meter.stopping:
                raise Stopped
            await asyncio.sleep(0.05)  # calls in flight mostly cost less than was put by for them
        meter.reserved += cost
        meter.reservations += 1
        return cost

    def fault(self, reason: str, billed: Completion | None, body: str) -> None:
        """An attempt failed; what was billed for it is kept and counted."""
        meter = self.meter
        meter.faults[reason] = meter.faults.get(reason, 0) + 1
        self.ledger.put(sql.COUNT_FAULT, self.stage, self.role, reason)
        if billed is not None:
            self.ledger.put(
                sql.INSERT_ATTEMPT,
                self.stage,
                self.role,
                reason,
                body[:100_000],
                billed.tokens_in,
                billed.tokens_out,
                time.time(),
            )
            self._bill(billed)
            if meter.max_cost is not None and meter.cost + meter.reserved > meter.max_cost:
                meter.stopping = "max_cost"  # the money put by for this call is spent: no further attempt
                raise Stopped


def failure_key(key: bytes) -> str:
    """Under which of the ledger's meta keys it stands how the call of a cache key failed for good."""
    return f"failed:{key.hex()}"


def _estimate(prompt: Prompt) -> float:
    sent = [prompt.messages, prompt.tools]
    return len(json.dumps(sent, ensure_ascii=False).encode("utf-8", "replace")) / BYTES_PER_TOKEN
