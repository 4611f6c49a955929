"""What `explain` found, as one JSON document: each value with the place in the YAML that it came from.

The text form is made of this document, so both say the same. Its keys are described in docs/explain.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.configuration.across import Placed
from bridge.configuration.load import LoadedConfiguration
from bridge.connectors.opened import PartPath
from bridge.connectors.request import MASK
from bridge.diagnostics.paths import dotted
from bridge.diagnostics.source import is_secret_name
from bridge.model import Death, NewDelivery, StoredEvent, rfc3339
from bridge.rules.difference import PartChange, RuleChange
from bridge.rules.explain import ExplainedRequest, Explanation, SkippedStep
from bridge.rules.judgement import Judged, Verdict, deciding
from bridge.rules.problem import Path
from bridge.rules.rule import Mode
from bridge.units import format_duration

VERSION = 1
UNSTORED = "evt_unstored"
"""The id of an event that was read from a file."""
DISABLED = "disabled"
CREDENTIAL = "credential"
CONNECTOR = "connector"
KEY = "idempotency key"
_VARIABLE = re.compile(r"\$\{(?P<file>file:)?(?P<name>[^}:]*)")

Row = dict[str, Any]


def event_row(event: StoredEvent) -> Row:
    """The event that was asked about."""
    return {
        "id": None if event.id == UNSTORED else event.id,
        "source": event.source,
        "type": event.type,
        "event_id": event.event_id,
        "time": None if event.time_ms is None else rfc3339(event.time_ms),
        "received_at": rfc3339(event.received_at_ms),
    }


def rule_rows(loaded: LoadedConfiguration, explanations: list[Explanation]) -> list[Row]:
    """Every rule in the order of the configuration, those out of use included."""
    explained = {each.rule.name: each for each in explanations}
    return [
        _Told(placed).rule(explained[name]) if name in explained else _disabled(placed)
        for name, placed in loaded.rules.items()
    ]


def change_row(change: RuleChange) -> Row:
    """What another configuration would do otherwise."""
    return {
        "rule": change.rule,
        "kind": str(change.kind),
        "before": change.before,
        "after": change.after,
        "waits": [_part_row(part) for part in change.waits],
        "requests": [
            {
                "step": each.step,
                "operation": each.operation,
                "kind": str(each.kind),
                "parts": [_part_row(part) for part in each.parts],
            }
            for each in change.requests
        ],
    }


def _part_row(change: PartChange) -> Row:
    return {"part": dotted(change.part), "kind": str(change.kind), "old": change.old, "new": change.new}


def _disabled(placed: Placed) -> Row:
    reason = "`enabled` is false"
    at = str(placed.place(("enabled",)))
    return silent(placed.shape.name, DISABLED, reason, at=at)


def silent(rule: str, fit: str, reason: str, *, at: str | None = None) -> Row:
    """The row of a rule that has nothing to say; every key is always there."""
    return {
        "rule": rule,
        "at": at,
        "revision": None,
        "fit": fit,
        "matched": False,
        "reason": reason,
        "on": None,
        "if": None,
        "because": [],
        "waits": None,
        "recall": [],
        "skipped_steps": [],
        "requests": [],
        "death": None,
        "delivery": None,
    }


@dataclass(frozen=True, slots=True)
class _Told:
    """One rule with the places of what it says."""

    placed: Placed

    # --- the rule --------------------------------------------------------------------------------------------------

    def rule(self, explanation: Explanation) -> Row:
        rule, plan = explanation.rule, explanation.plan
        condition = self._clause(explanation.condition, ("if",))
        row = {
            **silent(rule.name, explanation.fit, explanation.reason, at=self._at(("name",))),
            "revision": rule.revision,
            "matched": explanation.matched,
            "on": self._on(explanation),
            "if": condition,
            "because": self._because(explanation.condition, ("if",)),
        }
        if plan is None or not explanation.matched:
            return row
        return {
            **row,
            "waits": self._waits(explanation, plan),
            "recall": [
                {
                    "name": name,
                    "key": key,
                    "value": (explanation.links or {}).get(name),
                    "at": self._at(("recall", name)),
                }
                for name, key in plan.recall.items()
            ],
            "skipped_steps": [self._skipped(each) for each in explanation.skipped],
            "requests": [self._request(each) for each in explanation.requests],
            "death": None if explanation.death is None else self._death(explanation.death),
        }

    def _on(self, explanation: Explanation) -> Row:
        rule, nearest = explanation.rule, explanation.nearest
        if nearest is None:
            return {"patterns": list(rule.patterns), "nearest": None}
        return {
            "patterns": list(rule.patterns),
            "nearest": {"pattern": rule.patterns[nearest], "at": self._at(("on", nearest))},
        }

    def _waits(self, explanation: Explanation, plan: NewDelivery) -> Row:
        rule = explanation.rule
        return {
            "key": plan.key,
            "at": self._at(("key",)) if plan.key is not None else None,
            "lanes": list(plan.lanes),
            "order": str(plan.order),
            "order_hold": format_duration(plan.order_hold_ms) if plan.lanes else None,
            "shadow": rule.mode is Mode.SHADOW,
            "coalesce": None
            if plan.coalesce is None
            else {"by": plan.coalesce.group, "within": format_duration(plan.coalesce.window_ms)},
            "only_forward": None
            if plan.forward is None
            else {"by": plan.forward.by, "rank": plan.forward.rank + 1, "of": len(rule.forward_order)},
            "only_newer": None if plan.newer is None else {"by": plan.newer.by, "time": rfc3339(plan.newer.time_ms)},
        }

    # --- conditions ------------------------------------------------------------------------------------------------

    def _clause(self, judged: Judged | None, path: Path) -> Row | None:
        if judged is None:
            return None
        return {
            **self._one_clause(judged, path),
            "joint": judged.joint,
            "parts": [self._clause(part, path) for part in judged.parts],
        }

    def _one_clause(self, judged: Judged, path: Path) -> Row:
        place = self.placed.place_inside(path, judged.offset, judged.length)
        document, at = self.placed.document, (*self.placed.at, *path)
        is_text = document.has(at) and self.placed.text(path) is not None
        return {
            "text": document.written(at, judged.offset, judged.length) if is_text else judged.text,
            "at": str(place),
            "verdict": str(judged.verdict),
            "reached": judged.reached,
            "values": [{"name": each.name, "value": each.value, "missing": each.missing} for each in judged.values],
            "error": judged.error,
            "mend": judged.mend,
        }

    def _because(self, judged: Judged | None, path: Path) -> list[Row]:
        """The smallest parts that made a condition false or impossible; none when it is true."""
        if judged is None or judged.verdict is Verdict.YES:
            return []
        return [self._one_clause(part, path) for part in deciding(judged)]

    # --- steps -----------------------------------------------------------------------------------------------------

    def _skipped(self, skipped: SkippedStep) -> Row:
        asked = "for_each" if skipped.condition is None else "if"
        path = self.placed.known(("steps", skipped.step, asked))
        return {
            "step": skipped.step,
            "item": skipped.item,
            "at": self._at(path),
            "if": self._clause(skipped.condition, path),
            "because": self._because(skipped.condition, path),
        }

    def _request(self, request: ExplainedRequest) -> Row:
        passage, shown = request.passage, {**request.request}
        origins: dict[str, list[str]] = {}
        texts: dict[str, str] = {}
        for part, paths in request.origins.items():
            known = list(dict.fromkeys(self.placed.known(path) for path in paths))
            written = [(self._at(path), self.placed.text(path)) for path in known]
            origins[dotted(part)] = [at for at, _ in written]
            names = [str(name) for path in known for name in path]
            texts |= {at: _harmless(text, names) for at, text in written if text is not None}
            if any(text is not None and _reads_secret(text) for _, text in written):
                shown = _masked(shown, part)
        return {
            "step": request.step,
            "at": self._at(("steps", request.step, "use")),
            "operation": request.operation,
            "idempotency_key": request.key,
            "sampled": request.sampled,
            "repeat": passage.repeat,
            "concurrency": passage.concurrency,
            "together": passage.together,
            "limits": [
                {
                    "name": permit.limit,
                    "calls": permit.calls,
                    "per": format_duration(permit.per_ms),
                    "key": permit.key,
                    "by_operator": permit.by_operator,
                    "doc": permit.doc,
                    "now": None,
                }
                for permit in passage.permits
            ],
            "destination": None,
            **shown,
            "origins": origins,
            "added_by": {
                dotted(part): _adder(part, request)
                for part in request.parts
                if part not in request.origins and part != ("query",)  # there is none
            },
            "texts": texts,
        }

    def _death(self, death: Death) -> Row:
        return {
            "kind": str(death.kind),
            "code": death.code,
            "message": death.message,
            "mend": death.mend,
            "step": death.step,
            "at": self._death_place(death),
        }

    def _death_place(self, death: Death) -> str:
        path = death.at if death.at or death.step is None else ("steps", death.step)
        known = self.placed.known(path)
        if len(known) == len(path) and death.offset is not None and self.placed.text(known) is not None:
            return str(self.placed.place_inside(known, death.offset))
        return self._at(path)

    def _at(self, path: Path) -> str:
        known = self.placed.known(path)
        return str(self.placed.place(known, key=len(known) < len(path)))


def _adder(part: PartPath, request: ExplainedRequest) -> str:
    value = request.parts[part]
    if part[0] == "headers" and value == MASK:
        return CREDENTIAL
    return KEY if part[0] == "headers" and value == request.key else CONNECTOR


def _reads_secret(text: str) -> bool:
    """Whether the text of the file takes in a variable that is named like a credential, or a file."""
    return any(found["file"] or is_secret_name(found["name"]) for found in _VARIABLE.finditer(text))


def _harmless(text: str, names: list[str]) -> str:
    """The text, or a mask when it is written under the name of a credential and is no reference to one."""
    secret = any(is_secret_name(name) for name in names) and "${" not in text and "{{" not in text
    return MASK if secret else text


def _masked(request: Mapping[str, Any], part: PartPath) -> Row:
    """The request with the value at `part` hidden."""
    name, *inside = part
    if name in {"path", "query"}:
        return {**request, "url": MASK}
    if name in {"form", "text"} or not inside:
        return {**request, "body": MASK}
    field = "headers" if name == "headers" else "body"
    return {**request, field: _replaced(request[field], inside)}


def _replaced(value: Any, inside: list[str | int]) -> Any:
    if not inside:
        return MASK
    first, rest = inside[0], inside[1:]
    if isinstance(value, Mapping):
        return {key: _replaced(item, rest) if str(key) == first else item for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, rest) if index == first else item for index, item in enumerate(value)]
    return value
