"""Much to deliver at once: events of many customers, and what the sandbox's journal tells about how they went out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.model import Delivery, Outcome
from bridge.sandbox import FaultKind, FaultSpec, JournalEntry
from bridge.store.protocol import DeliveryFilter
from tests.e2e.sender import message
from tests.e2e.virtual import PREAMBLE, VirtualWorld

RECIPES = Path(__file__).resolve().parents[2] / "config"
TOO_MANY = 429


def recipe(name: str, **more: str) -> str:
    """A configuration with one of the shipped recipes; `more` are further settings of destinations, as YAML."""
    return destined(**more) + (RECIPES / f"{name}.yaml").read_text()


def destined(**more: str) -> str:
    """The ready-made sources and destinations, with further settings of some destinations."""
    text = PREAMBLE
    for name, settings in more.items():
        text = text.replace(f"  {name}: {{", f"  {name}: {{{settings}, ")
    return text


def made(folder: Path) -> Path:
    """The folder, new."""
    folder.mkdir()
    return folder


def messages(count: int, customers: int, *, first: int = 0) -> list[bytes]:
    """WhatsApp messages, the customers in turn; the number of a message is in its id and its text."""
    numbers = range(first, first + count)
    return [message(f"9198{number % customers:08d}", f"m{number}", f"text {number}") for number in numbers]


def order(number: int, customer: object = 1, **more: object) -> dict[str, Any]:
    """An event of the source `orders`."""
    return {"kind": "placed", "id": f"o{number}", "customer": f"c{customer}", **more}


def numbers_of(texts: Iterable[str]) -> list[int]:
    """The numbers in the texts or ids that `messages` and `order` make."""
    return [int("".join(filter(str.isdigit, text))) for text in texts]


def is_in_order(numbers: Sequence[int], customers: int) -> bool:
    """Whether each customer's numbers rise; customer and number belong together as in `messages`."""
    last: dict[int, int] = defaultdict(lambda: -1)
    for number in numbers:
        if number <= last[number % customers]:
            return False
        last[number % customers] = number
    return True


def slow(world: VirtualWorld, delay_ms: int, **match: str) -> None:
    """Let the answers take time."""
    world.sandbox.faults.add(FaultSpec.model_validate(_fault(FaultKind.SLOW, match) | {"delay_ms": delay_ms}))


def failing(world: VirtualWorld, status: int, **match: str) -> int:
    """Let requests fail for ever; the number of the fault."""
    spec = FaultSpec.model_validate(_fault(FaultKind.STATUS, match) | {"status": status})
    return world.sandbox.faults.add(spec).id


def _fault(kind: FaultKind, match: Mapping[str, str]) -> dict[str, Any]:
    return {"fault": kind, "times": None, "match": dict(match)}


def refusals(world: VirtualWorld) -> int:
    """How many calls were refused for their number."""
    return sum(entry.status == TOO_MANY for entry in world.sandbox.journal)


def share_used(calls: Sequence[JournalEntry], limit: int, window_ms: int) -> float:
    """Which part of what a limit allowed was used from the first of these calls to the last.

    In that time nobody could have made more than `limit` calls for each window that began in it.
    """
    length_ms = calls[-1].at_ms - calls[0].at_ms
    return len(calls) / (limit * (length_ms // window_ms + 1))


async def deliveries_of(world: VirtualWorld, rule: str) -> list[Delivery]:
    """All deliveries of a rule, oldest first."""
    found: list[Delivery] = []
    before: int | None = None
    while page := await world.store.deliveries(DeliveryFilter(rule=rule, limit=1_000, before_seq=before)):
        found += page
        before = page[-1].seq
    return found[::-1]


def p99_ms(deliveries: Iterable[Delivery]) -> int:
    """The simulated time from acceptance to the end that 99 of 100 deliveries kept."""
    took = sorted(each.settled_at_ms - each.created_at_ms for each in deliveries if each.settled_at_ms is not None)
    return took[len(took) * 99 // 100]


async def outcomes(world: VirtualWorld, delivery_id: str) -> list[Outcome | None]:
    """What became of each attempt of a delivery."""
    return [attempt.outcome for attempt in await world.store.attempts(delivery_id)]
