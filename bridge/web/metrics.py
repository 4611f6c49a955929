"""`GET /metrics`: the books and the destinations in Prometheus' text format.

Labels are names from the configuration (rules, destinations, limits) and words of ours; nothing of a customer's.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES_OF_DESTINATIONS = ("open", "held", "broken", "paused")

Row = Mapping[str, Any]


class _Snapshot(Collector):
    """Metrics that were made already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterator[Metric]:
        """Give them."""
        yield from self._metrics


def exposition(status: Row) -> bytes:
    """The metrics of one moment.

    Args:
        status: what the console's `status` says.
    """
    registry = CollectorRegistry(auto_describe=False)
    parts = (_events, _deliveries, _books, _configuration, _sources, _destinations)
    registry.register(_Snapshot(metric for part in parts for metric in part(status)))
    return generate_latest(registry)


def _events(status: Row) -> Iterator[Metric]:
    events = status["events"]
    for name, doc in (
        ("accepted", "Events that were stored and answered with 200"),
        ("routed", "Events that met the rules and got deliveries"),
        ("unmatched", "Events that no rule listens to"),
    ):
        yield CounterMetricFamily(f"crm_bridge_events_{name}", doc, value=events[name])
    yield GaugeMetricFamily("crm_bridge_events_unrouted", "Events that wait for their rules", value=events["unrouted"])


def _deliveries(status: Row) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "crm_bridge_deliveries",
        "Deliveries by state, since the beginning: of one rule and destination their sum is all that routing made",
        labels=("rule", "destination", "state"),
    )
    for account in status["accounts"]:
        counts = {name: count for name, count in account.items() if name not in {"rule", "destination"}}
        for state, count in counts.items():
            family.add_metric((account["rule"], account["destination"] or "", state), count)
    yield family


def _books(status: Row) -> Iterator[Metric]:
    books = status["books"]
    yield GaugeMetricFamily(
        "crm_bridge_books_differences",
        "Numbers in the books that rows do not add up to",
        value=len(books["differences"]),
    )
    yield GaugeMetricFamily(
        "crm_bridge_oldest_open_age_seconds",
        "Age of the oldest delivery that is not settled, 0 without one",
        value=status["oldest_open_age_s"] or 0,
    )


def _configuration(status: Row) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "crm_bridge_orphans",
        "Open deliveries whose rule or destination is not configured any more",
        value=sum(each["deliveries"] for each in status["orphans"]),
    )
    yield GaugeMetricFamily(
        "crm_bridge_reload_refused",
        "1 when the last reload was refused, and the configuration before it is in use",
        value=float(status["configuration"]["refused"] is not None),
    )


def _sources(status: Row) -> Iterator[Metric]:
    sources = sorted(status["sources"].items())
    taken = CounterMetricFamily("crm_bridge_requests_taken", "Requests answered with success", labels=("source",))
    for source, row in sources:
        taken.add_metric((source,), row["taken"])
    yield taken
    for name, doc in (
        ("accepted", "Events of a source that were stored, those that were let in again included"),
        ("redelivered", "Of these, events that were known and that a person let in again"),
        ("duplicates", "Events that were known and not stored again"),
        ("differing", "Of these, those with other bytes than the first one"),
    ):
        family = CounterMetricFamily(f"crm_bridge_source_{name}", doc, labels=("source",))
        for source, counts in sources:
            family.add_metric((source,), counts[name])
        yield family
    refused = CounterMetricFamily(
        "crm_bridge_source_refused", "Requests that were not answered with success", labels=("source", "reason")
    )
    for source, counts in sources:
        for reason, count in counts["refused"].items():
            refused.add_metric((source, reason), count)
    yield refused


def _destinations(status: Row) -> Iterator[Metric]:
    destinations = sorted(status["destinations"].items())
    state = GaugeMetricFamily(
        "crm_bridge_destination_state", "1 for the present state", labels=("destination", "state")
    )
    for name, row in destinations:
        for each in STATES_OF_DESTINATIONS:
            state.add_metric((name, each), float(row["state"] == each))
    yield state
    for key, doc in (
        ("in_flight", "Requests that wait for their answer"),
        ("at_most", "How many requests may be in flight now"),
        ("waiting", "Deliveries in memory that wait to leave"),
    ):
        family = GaugeMetricFamily(f"crm_bridge_destination_{key}", doc, labels=("destination",))
        for name, row in destinations:
            family.add_metric((name,), row[key])
        yield family
    used = GaugeMetricFamily("crm_bridge_limit_used", "Calls counted in the window", labels=("destination", "limit"))
    calls = GaugeMetricFamily("crm_bridge_limit_calls", "Calls the window takes", labels=("destination", "limit"))
    for name, row in destinations:
        for budget in row["budgets"]:
            used.add_metric((name, budget["name"]), budget["used"])
            calls.add_metric((name, budget["name"]), budget["limit"])
    yield used
    yield calls
