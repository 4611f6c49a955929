"""A run without a wire: the requests that a rule would make, each answered with its operation's sample.

For `mode: shadow`, which records them, for `explain` and for comparing old rules with new ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.model import Death
from bridge.rules.actions import Died, Finished, GoOn, Send
from bridge.rules.run import Run
from bridge.rules.state import Phase

MAX_REQUESTS = 100
"""A list of a thousand items is shown by its first requests."""


@dataclass(frozen=True, slots=True)
class ShadowRequest:
    """One request that would be sent.

    `label` is `destination.operation`, with the phase when it is not the call itself. `key` is the idempotency key.
    `request` is as people may see it: credentials masked, a JSON body as JSON. `sampled`: it depends on an earlier
    step's answer, which is the operation's sample and not a real one. `send` is what the run said; it is not masked.
    """

    step: str
    label: str
    phase: Phase
    key: str
    request: Mapping[str, object]
    sampled: bool
    send: Send = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shadow:
    """What a run would do: its requests in order, and how it would end.

    `death` is set when it would die. `note` says why it was not followed to its end otherwise, empty when it was.
    """

    requests: Sequence[ShadowRequest]
    skipped_steps: Sequence[str]
    death: Death | None = None
    note: str = ""


def shadow(run: Run, *, credential_headers: Mapping[str, str | None], now_ms: int) -> Shadow:
    """Follow `run` to its end without sending anything; its state changes as if every call had been answered.

    Args:
        run: a run that has nothing under way.
        credential_headers: destination -> the header that carries its credential, to be shown masked.
        now_ms: the time that the requests would be made at.
    """
    requests: list[ShadowRequest] = []
    answered: set[str] = set()
    while isinstance(action := run.next(now_ms), Send):
        if len(requests) == MAX_REQUESTS:
            return _shadow(run, requests, note=f"the first {MAX_REQUESTS} requests are shown; there are more")
        requests.append(_request(run, action, credential_headers, answered))
        run.sending()
        answered.add(action.step.id)
        reaction = run.take(action.operation.sample_answer(), now_ms)
        if isinstance(reaction, Died):
            return _shadow(run, requests, death=reaction.death)
        if not isinstance(reaction, GoOn):
            return _shadow(run, requests, note="the sample answer is not a success")
    return _shadow(run, requests, death=None if isinstance(action, Finished) else action.death)


def _shadow(run: Run, requests: Sequence[ShadowRequest], *, death: Death | None = None, note: str = "") -> Shadow:
    skipped = tuple(step.id for step in run.rule.steps if run.state.results.get(step.id, {}).get("skipped"))
    return Shadow(tuple(requests), skipped, death, note)


def _request(run: Run, send: Send, credential_headers: Mapping[str, str | None], answered: set[str]) -> ShadowRequest:
    return ShadowRequest(
        step=send.step.id,
        label=send.label,
        phase=send.phase,
        key=run.key(send.step),
        request=send.request.shown(credential_headers.get(send.step.destination)),
        sampled=not answered.isdisjoint(send.step.reads_steps),
        send=send,
    )
