"""The sandbox's own paths: look at the state and the journal, set faults and limits, start again.

GET    /state            everything the APIs hold
GET    /journal          the requests; `?api=`, `?since=` (a sequence number)
POST   /reset            forget state, journal, faults and limits; a scenario begins again
GET    /faults           the fault rules
POST   /faults           add one (the body is a FaultSpec)
DELETE /faults[/{id}]    take all or one out
GET    /limits           the rate limits
PUT    /limits           change some: {"hubspot": {"enforced": true, "burst": 10}}
POST   /customer-wrote   {"customer": "+918856879188"}: open AISoule's 24-hour window for that customer
"""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from aiohttp import web
from pydantic import ValidationError

from bridge.errors import UsageError
from bridge.sandbox.faults import FaultSpec, idle_words, refusal_words

if TYPE_CHECKING:
    from bridge.sandbox.aisoule import AISouleLimits
    from bridge.sandbox.hubspot import HubSpotLimits
    from bridge.sandbox.server import Sandbox
    from bridge.sandbox.zendesk import ZendeskLimits

Limits = TypeVar("Limits", "HubSpotLimits", "ZendeskLimits", "AISouleLimits")


def control_application(sandbox: "Sandbox") -> web.Application:
    """An application to mount under `/_sandbox`."""
    control = _Control(sandbox)
    application = web.Application()
    application.router.add_get("/state", control.state)
    application.router.add_get("/journal", control.journal)
    application.router.add_post("/reset", control.reset)
    application.router.add_get("/faults", control.list_faults)
    application.router.add_post("/faults", control.add_fault)
    application.router.add_delete("/faults", control.clear_faults)
    application.router.add_delete(r"/faults/{id:\d+}", control.remove_fault)
    application.router.add_get("/limits", control.limits)
    application.router.add_put("/limits", control.change_limits)
    application.router.add_post("/customer-wrote", control.customer_wrote)
    return application


class _Control:
    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox

    async def state(self, _: web.Request) -> web.Response:
        return _json(self._sandbox.snapshot())

    async def journal(self, request: web.Request) -> web.Response:
        api, since = request.query.get("api"), request.query.get("since", "0")
        if not since.isdecimal():
            return _bad("since must be a sequence number")
        entries = [
            entry.shown()
            for entry in self._sandbox.journal
            if entry.seq > int(since) and (api is None or entry.api == api)
        ]
        return _json({"seen": self._sandbox.journal.seen, "entries": entries})

    async def reset(self, _: web.Request) -> web.Response:
        self._sandbox.reset()
        return web.Response(status=204)

    async def list_faults(self, _: web.Request) -> web.Response:
        return _json({"faults": self._sandbox.faults.shown()})

    async def add_fault(self, request: web.Request) -> web.Response:
        try:
            spec = FaultSpec.model_validate_json(await request.read())
        except ValidationError as error:
            return _bad(refusal_words(error))
        for name in spec.idle_options:
            return _bad(idle_words(spec, name))
        return _json(self._sandbox.faults.add(spec).shown(), 201)

    async def clear_faults(self, _: web.Request) -> web.Response:
        self._sandbox.faults.clear()
        return web.Response(status=204)

    async def remove_fault(self, request: web.Request) -> web.Response:
        found = self._sandbox.faults.remove(int(request.match_info["id"]))
        return web.Response(status=204) if found else _bad("there is no such fault", 404)

    async def limits(self, _: web.Request) -> web.Response:
        return _json(self._shown_limits())

    async def change_limits(self, request: web.Request) -> web.Response:
        try:
            wanted = orjson.loads(await request.read())
            limited = self._limited()
            _check_apis(wanted, limited)
            changed = {name: _changed(limited[name].limits, figures) for name, figures in wanted.items()}
        except orjson.JSONDecodeError:
            return _bad("the body is not JSON")
        except UsageError as error:
            return _bad(str(error))
        for name, limits in changed.items():
            limited[name].apply(limits)
        return _json(self._shown_limits())

    async def customer_wrote(self, request: web.Request) -> web.Response:
        try:
            wanted = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            return _bad("the body is not JSON")
        customer = wanted.get("customer") if isinstance(wanted, dict) else None
        if not isinstance(customer, str):
            return _bad("customer must be a phone number in E.164 with +")
        self._sandbox.aisoule.account.customer_wrote(customer)
        return web.Response(status=204)

    def _shown_limits(self) -> dict[str, Any]:
        return {name: asdict(part.limits) for name, part in self._limited().items()}

    def _limited(self) -> dict[str, Any]:
        """What holds `limits` and takes others with `apply`, for each API that has some."""
        return {
            "hubspot": self._sandbox.hubspot.access,
            "zendesk": self._sandbox.zendesk.access,
            "aisoule": self._sandbox.aisoule.traffic,
            "aisoule-developer": self._sandbox.aisoule_developer.traffic,
        }


def _check_apis(wanted: Any, limited: Mapping[str, object]) -> None:
    if not isinstance(wanted, dict) or not wanted.keys() <= limited.keys():
        raise UsageError(f"limits are set for {', '.join(limited)}")


def _changed(limits: Limits, wanted: Any) -> Limits:
    """The limits with some figures replaced.

    Raises:
        UsageError: an unknown name, or no whole number above 0 (no boolean for `enforced`).
    """
    known = {item.name: type(getattr(limits, item.name)) for item in fields(limits)}
    if not isinstance(wanted, dict) or not wanted.keys() <= known.keys():
        raise UsageError(f"the limits are {', '.join(known)}")
    for name, value in wanted.items():
        if type(value) is not known[name] or (known[name] is int and value < 1):
            raise UsageError(f"{name} must be {'true or false' if known[name] is bool else 'a whole number above 0'}")
    return replace(limits, **wanted)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")


def _bad(message: str, status: int = 400) -> web.Response:
    return _json({"error": message}, status)
