"""How a destination stands: what a person sees in `status`."""

from bridge.engine.shown import moment_or_none
from bridge.outbound.breaker import BreakerState
from bridge.outbound.gate import Pause, PauseReason
from bridge.outbound.outlet import Outlet


def outlook(outlet: Outlet, by_hand: str | None) -> dict[str, object]:
    """One destination as JSON. `state` is paused, broken, held or open: the first of these that it is.

    Args:
        outlet: the destination in use.
        by_hand: the reason of a pause that the store's notes hold; without a daemon they alone know of it.
    """
    pause, breaker = _pause(outlet), outlet.breaker
    budgets = outlet.budgets.describe()
    held_ms = outlet.held_until_ms
    paused, detail = (str(pause.reason), pause.detail) if pause else (None, None)
    if paused is None and by_hand is not None:
        paused, detail = str(PauseReason.OPERATOR), by_hand
    broken = breaker.state is not BreakerState.CLOSED
    return {
        "state": "paused" if paused else "broken" if broken else "held" if held_ms else "open",
        "paused": paused,
        "detail": detail,
        "held_until": moment_or_none(held_ms),
        "breaker": str(breaker.state),
        "broken_since": moment_or_none(breaker.opened_at_ms),
        "retry_at": moment_or_none(breaker.retry_at_ms),
        "in_flight": outlet.pace.in_flight,
        "at_most": outlet.pace.limit,
        "waiting": outlet.departures.waiting,
        "budgets": [{**each, "held_until": _moment(each.get("held_until_ms"))} for each in budgets],
    }


def _pause(outlet: Outlet) -> Pause | None:
    """The pause that a person hears of first: refused credentials before one by hand."""
    pauses = [outlet.gate.paused_for(reason) for reason in PauseReason]
    return next((pause for pause in pauses if pause is not None), None)


def _moment(milliseconds: object) -> str | None:
    return moment_or_none(milliseconds) if isinstance(milliseconds, int) else None
