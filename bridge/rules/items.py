"""Results of steps, and of the items of a step that is called `for_each` of a list."""

from collections.abc import Mapping, Sequence

from bridge.expressions import RenderError

MAX_ITEMS = 1_000
"""A step makes one call for each item, and its delivery holds its lane until the last of them."""

_MEND = "give `for_each` a list; `| default([])` stands for none, which skips the step"


def checked_items(value: object) -> list[object]:
    """The list that a `for_each` gave.

    Raises:
        RenderError: it is no list, or too long.
    """
    if not isinstance(value, list | tuple):
        raise RenderError("the value is no list", mend=_MEND, offset=0)
    if len(value) > MAX_ITEMS:
        raise RenderError(
            f"the list has {len(value)} items, and at most {MAX_ITEMS:,} are called one by one",
            mend="let the source send smaller lists, or make one event of each item with the source's `split`",
            offset=0,
        )
    return list(value)


def result(
    *, id_: object = None, status: int | None = None, body: object = None, error: object = None, skipped: bool = False
) -> dict[str, object]:
    """What `steps.<id>` is in the rule's templates."""
    return {"id": id_, "status": status, "body": body, "error": error, "skipped": skipped}


def folded(items: Sequence[Mapping[str, object] | None]) -> dict[str, object]:
    """What `steps.<id>` is after its items: the result of the last call, and `items` with all of them."""
    called = [item for item in items if item is not None and not item.get("skipped")]
    last = called[-1] if called else result(skipped=True)
    return {**last, "items": list(items)}


def done_part(items: Sequence[dict[str, object] | None]) -> list[dict[str, object] | None]:
    """The items as far as the last one that is done."""
    done = [index for index, item in enumerate(items) if is_done(item)]
    return list(items[: done[-1] + 1]) if done else []


def is_done(outcome: Mapping[str, object] | None) -> bool:
    """Whether a step's result is that of a call that succeeded; of several calls, of at least one."""
    if outcome is None:
        return False
    items = outcome.get("items")
    if isinstance(items, list):
        return any(is_done(item) for item in items)
    return not outcome.get("skipped") and not outcome.get("error")
