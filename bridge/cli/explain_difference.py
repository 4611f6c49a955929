"""`crm-bridge explain --diff`: what another configuration would do otherwise, for one event or for many stored ones."""

from collections import Counter
from collections.abc import Callable, Sequence

import typer

from bridge.cli.consoles import AnyConsole
from bridge.cli.explain_document import VERSION, change_row, event_row
from bridge.cli.explain_stored import Row, Stored, events_since, remembered
from bridge.cli.explain_text import Page
from bridge.configuration.model import Configuration
from bridge.model import StoredEvent
from bridge.rules.difference import compare
from bridge.rules.explain import Explanation

DIFFERING = 5
"""So many events that differ are shown; all are counted."""

Both = Callable[[Stored], tuple[list[Explanation], list[Explanation]]]


def difference_of(event: StoredEvent, before: Sequence[Explanation], after: Sequence[Explanation]) -> Row:
    """An event, and what would change for it."""
    changes = [change_row(change) for change in compare(before, after)]
    return {"event": event_row(event), "changes": changes}


async def differences_since(
    configuration: Configuration, console: AnyConsole, both: Both, *, since_ms: int, limit: int
) -> list[Row]:
    """What would change for each stored event, newest first.

    Args:
        configuration: the present one.
        console: whom to ask for the events.
        both: what both configurations make of an event.
        since_ms: no event that was received before.
        limit: at most so many.
    """
    events, _ = await events_since(console, since_ms=since_ms, limit=limit)
    stored = [Stored(event, await remembered(configuration, console, event)) for event in events]
    return [difference_of(each.event, *both(each)) for each in stored]


def differences(told: Sequence[Row]) -> Row:
    """The whole document: how many events were compared, how many differ and why, and the first that do."""
    differing = [row for row in told if row["changes"]]
    counts = Counter((change["rule"], change["kind"]) for row in differing for change in row["changes"])
    return {
        "v": VERSION,
        "compared": len(told),
        "differing": len(differing),
        "counts": [{"rule": rule, "kind": kind, "count": count} for (rule, kind), count in sorted(counts.items())],
        "events": differing[:DIFFERING],
    }


def say_differences(document: Row, page: Page) -> None:
    """For people: the first events that differ, and how many do, by rule."""
    for row in document["events"]:
        page.event(row["event"])
        for change in row["changes"]:
            page.change(change)
    differing, compared = document["differing"], document["compared"]
    events = "event" if compared == 1 else "events"
    if not differing:
        typer.echo(f"nothing would change ({compared} {events} compared)")
        return
    typer.echo(f"{differing} of {compared} {events} would be treated otherwise")
    for each in document["counts"]:
        typer.echo(f"  {each['count']} by rule {each['rule']}: {each['kind']}")
    if differing > len(document["events"]):
        typer.echo(f"the first {len(document['events'])} are shown")
