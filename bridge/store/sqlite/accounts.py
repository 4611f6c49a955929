"""The books: what the counters say, and whether the tables say the same."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from bridge.model import DeliveryState
from bridge.store.sqlite.session import CREATED, EVENTS, PRUNED, Entry, Session, Transaction
from bridge.store.values import REFUSED, Books, Difference

_STATES = frozenset(state.value for state in DeliveryState)


def books(session: Session) -> Books:
    """The counters, and the time of the oldest work that the bridge still owes."""
    booked = _booked(session)
    rules: dict[str, dict[DeliveryState, int]] = defaultdict(lambda: dict.fromkeys(DeliveryState, 0))
    destinations: dict[tuple[str, str], dict[DeliveryState, int]] = defaultdict(lambda: dict.fromkeys(DeliveryState, 0))
    created: Counter[str] = Counter()
    pruned: dict[str, dict[DeliveryState, int]] = defaultdict(dict)
    for (rule, destination, name), amount in booked.items():
        if rule == EVENTS:
            continue
        if name in _STATES:
            rules[rule][DeliveryState(name)] += amount
            destinations[rule, destination][DeliveryState(name)] += amount
        elif name == CREATED:
            created[rule] += amount
        elif name.startswith(PRUNED):
            state = DeliveryState(name.removeprefix(PRUNED))
            pruned[rule][state] = pruned[rule].get(state, 0) + amount
    sources: dict[str, dict[str, int]] = defaultdict(dict)
    for (rule, source, name), amount in booked.items():
        if rule == EVENTS and source:
            sources[source][name] = amount
    own = {name: booked[EVENTS, "", name] for name in ("accepted", "routed", "unrouted", "unmatched")}
    return Books(
        **own,
        rules=dict(rules),
        oldest_open_ms=oldest_open_ms(session),
        created=dict(created),
        pruned=dict(pruned),
        destinations=dict(destinations),
        sources=dict(sources),
    )


def count_refused(tx: Transaction, refused: Mapping[tuple[str, str], int]) -> None:
    """Count requests that were refused, by (source, reason)."""
    for (source, reason), amount in refused.items():
        tx.count(EVENTS, f"{REFUSED}{reason}", amount, destination=source)


def oldest_open_ms(session: Session) -> int | None:
    """When the oldest event or delivery came that the bridge itself will still do something about."""
    rows = [row for name in ("oldest_open_delivery", "oldest_unrouted_event") for row in session.all(name)]
    return min((row["at_ms"] for row in rows if row["at_ms"] is not None), default=None)


def check(session: Session) -> list[Difference]:
    """Compare the counters with the tables, all seen at one moment."""
    booked = _booked(session)
    return sorted(
        (*_event_differences(session, booked), *_delivery_differences(session, booked)),
        key=lambda found: (found.rule, found.destination, found.name),
    )


def _booked(session: Session) -> Counter[Entry]:
    return Counter(
        {(rule, destination, name): amount for rule, destination, name, amount in session.tuples("counters")}
    )


def _event_differences(session: Session, booked: Mapping[Entry, int]) -> Iterator[Difference]:
    [(kept, unrouted, unmatched)] = session.tuples("count_events")

    def own(name: str) -> int:
        return booked[EVENTS, "", name]

    counted = {
        "accepted": kept + own(f"{PRUNED}routed") + own(f"{PRUNED}unmatched"),
        "routed": kept - unrouted - unmatched + own(f"{PRUNED}routed"),
        "unrouted": unrouted,
        "unmatched": unmatched + own(f"{PRUNED}unmatched"),
    }
    for name, amount in counted.items():
        if amount != own(name):
            yield Difference(EVENTS, name, amount, own(name))
    by_source = own("unattributed") + sum(
        amount for (rule, source, name), amount in booked.items() if rule == EVENTS and source and name == "accepted"
    )
    if by_source != own("accepted"):
        yield Difference(EVENTS, "accepted by source", by_source, own("accepted"))


def _delivery_differences(session: Session, booked: Mapping[Entry, int]) -> Iterator[Difference]:
    counted: Counter[Entry] = Counter()
    for rule, book, state, amount in session.tuples("count_deliveries"):
        counted[rule, book, state] += amount
        counted[rule, book, CREATED] += amount
    for (rule, destination, name), amount in booked.items():
        if rule != EVENTS and name.startswith(PRUNED):
            counted[rule, destination, name.removeprefix(PRUNED)] += amount
            counted[rule, destination, CREATED] += amount
    mine = {entry for entry in booked if entry[0] != EVENTS and not entry[2].startswith(PRUNED)}
    for entry in mine | counted.keys():
        rule, destination, name = entry
        if counted[entry] != booked[entry]:
            yield Difference(rule, name, counted[entry], booked[entry], destination)
