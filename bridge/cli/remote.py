"""The console of a running daemon, through its admin API."""

import getpass
import json
from collections.abc import Sequence
from dataclasses import fields
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from bridge.engine.console import Query, Rows, WrongUse
from bridge.errors import BridgeError, UsageError
from bridge.web.admin import BY_HEADER, MORE_HEADER, PREFIX

CONNECT_S = 5.0
QUESTION_S = 30.0
DECISION_S = 600.0
"""A page of a replay, or a discard of a hundred thousand dead letters."""
ASKED_WRONGLY = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT})
Row = dict[str, Any]


class DaemonSilent(BridgeError):  # noqa: N818 - reads as what happened
    """The process that holds the store gives no answer of ours; the message says what it does instead."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.mend = mend


class RemoteConsole:
    """Asks what `bridge.engine.console.Console` answers, over HTTP.

    Args:
        session: with the token among its headers.
        base: the address of the admin API, with its prefix.
    """

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    # --- questions -------------------------------------------------------------------------------------------------

    async def status(self) -> Row:
        """See `Console.status`."""
        return await self._get("/status")

    async def events(self, query: Query) -> Rows:
        """See `Console.events`."""
        return await self._list("/events", query)

    async def event(self, event_id: str) -> Row:
        """See `Console.event`."""
        return await self._get(f"/events/{_part(event_id)}")

    async def event_content(self, event_id: str) -> Row:
        """See `Console.event_content`."""
        return await self._get(f"/events/{_part(event_id)}/content")

    async def deliveries(self, query: Query) -> Rows:
        """See `Console.deliveries`."""
        return await self._list("/deliveries", query)

    async def delivery(self, delivery_id: str) -> Row:
        """See `Console.delivery`."""
        return await self._get(f"/deliveries/{_part(delivery_id)}")

    async def dead_letters(self, query: Query) -> Rows:
        """See `Console.dead_letters`."""
        return await self._list("/dead-letters", query)

    async def links(self, query: Query) -> Rows:
        """See `Console.links`."""
        return await self._list("/links", query)

    async def audit(self, query: Query) -> Rows:
        """See `Console.audit`."""
        return await self._list("/audit", query)

    async def secrets(self) -> Rows:
        """See `Console.secrets`."""
        rows, _ = await self._ask("GET", "/secrets")
        return Rows(rows)

    # --- decisions -------------------------------------------------------------------------------------------------

    async def retry(self, delivery_id: str) -> Row:
        """See `Console.retry`."""
        return await self._post(f"/deliveries/{_part(delivery_id)}/retry", {})

    async def skip(self, delivery_id: str, reason: str) -> Row:
        """See `Console.skip`."""
        return await self._post(f"/deliveries/{_part(delivery_id)}/skip", {"reason": reason})

    async def discard(self, query: Query, reason: str) -> Row:
        """See `Console.discard`."""
        return await self._post("/dead-letters/discard", {**_choice(query), "reason": reason})

    async def replay(self, query: Query, *, dry_run: bool, differences: int = 0) -> Row:
        """See `Console.replay`."""
        body = {**_choice(query), "dry_run": dry_run, "differences": differences}
        return await self._post("/dead-letters/replay", body)

    async def rerun(self, event_id: str, *, rule: str | None = None, force: bool = False) -> Row:
        """See `Console.rerun`."""
        return await self._post(f"/events/{_part(event_id)}/rerun", {"rule": rule, "force": force})

    async def replay_events(self, event_ids: Sequence[str]) -> Row:
        """See `Console.replay_events`."""
        return await self._post("/events/replay", {"ids": list(event_ids)})

    async def let_through(self, event_ids: Sequence[str], within: str) -> Row:
        """See `Console.let_through`."""
        return await self._post("/events/let-through", {"ids": list(event_ids), "within": within})

    async def pause(self, destination: str, reason: str) -> Row:
        """See `Console.pause`."""
        return await self._post("/pause", {"destination": destination, "reason": reason})

    async def resume(self, destination: str) -> Row:
        """See `Console.resume`."""
        return await self._post("/resume", {"destination": destination})

    async def reload(self) -> Row:
        """Have the daemon load its configuration again; `ok` is false when it refuses it."""
        return await self._post("/reload", {})

    async def capture(self, source: str, *, seconds: int, count: int) -> Row:
        """See `Console.capture`."""
        return await self._post("/captures/start", {"source": source, "seconds": seconds, "count": count})

    async def captured(self, source: str, *, after: int) -> Row:
        """See `Console.captured`."""
        found, _ = await self._ask("GET", "/captures", params={"source": source, "after": str(after)})
        return dict(found)

    async def end_capture(self, source: str) -> Row:
        """See `Console.end_capture`."""
        return await self._post("/captures/stop", {"source": source})

    async def set_link(self, name: str, key: str, value: str | int) -> Row:
        """See `Console.set_link`."""
        return await self._post("/links/set", {"name": name, "key": key, "value": value})

    async def forget_link(self, name: str, key: str) -> Row:
        """See `Console.forget_link`."""
        return await self._post("/links/forget", {"name": name, "key": key})

    async def open_window(self, source: str, length: str) -> Row:
        """See `Console.open_window`."""
        return await self._post("/windows/open", {"source": source, "for": length})

    async def close_window(self, source: str) -> Row:
        """See `Console.close_window`."""
        return await self._post("/windows/close", {"source": source})

    async def show_secret(self, source: str) -> Row:
        """See `Console.show_secret`."""
        return await self._post("/secrets/show", {"source": source})

    async def retire_secrets(self, source: str, numbers: Sequence[int] | None = None) -> Row:
        """See `Console.retire_secrets`."""
        return await self._post("/secrets/retire", {"source": source, "numbers": numbers})

    # --- the wire --------------------------------------------------------------------------------------------------

    async def _get(self, path: str) -> Row:
        found, _ = await self._ask("GET", path)
        return dict(found)

    async def _list(self, path: str, query: Query) -> Rows:
        params = {name: ",".join(v) if isinstance(v, tuple) else str(v) for name, v in _given(query).items()}
        rows, more = await self._ask("GET", path, params=params)
        return Rows(rows, more=more)

    async def _post(self, path: str, body: Row) -> Row:
        done, _ = await self._ask("POST", path, json=body)
        return dict(done)

    async def _ask(self, method: str, path: str, **given: Any) -> tuple[Any, bool]:
        """One call of the admin API: the answer, and whether rows were left out of it.

        Raises:
            UsageError: it was refused for what was asked.
            DaemonSilent: there was no answer, or one that is not our daemon's.
        """
        total_s = QUESTION_S if method == "GET" else DECISION_S
        timeout = aiohttp.ClientTimeout(total=total_s, connect=CONNECT_S)
        url = URL(self._base + path, encoded=True)
        try:
            async with self._session.request(method, url, timeout=timeout, allow_redirects=False, **given) as response:
                return _read(response.status, await response.read()), response.headers.get(MORE_HEADER) == "true"
        except (aiohttp.ClientError, OSError) as error:  # a timeout is an OSError
            address = self._base.removesuffix(PREFIX)
            raise DaemonSilent(
                f"the daemon holds the store but does not answer on {address} ({type(error).__name__})",
                "use the configuration (and BRIDGE_ADMIN__LISTEN) that the daemon was started with",
            ) from None


def credentials(token: str) -> dict[str, str]:
    """The headers of every call: the token, and who asks, for the audit."""
    return {"Authorization": f"Bearer {token}", BY_HEADER: os_user()}


def os_user() -> str:
    """Who runs the command, as the system knows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return "unknown"


def _read(status: int, content: bytes) -> Any:
    try:
        body = json.loads(content)  # not orjson, which makes a fraction of a whole number of more than 64 bits
        if status == HTTPStatus.OK or _is_refused_reload(body):
            return body
        code, message = str(body["error"]["code"]), str(body["error"]["message"])
    except (ValueError, LookupError, TypeError):
        raise DaemonSilent(
            f"what answers on the admin address is not this daemon (status {status})",
            "compare `admin.listen` with the daemon's log line `bridge.started`",
        ) from None
    if status in ASKED_WRONGLY:
        raise (WrongUse if code == "wrong_use" else UsageError)(message)
    mends = {"token": "use the daemon's own configuration: its `admin.token`, or the token file beside its store"}
    raise DaemonSilent(f"the daemon refused: {message}", mends.get(code, "look at the daemon's log, then try again"))


def _is_refused_reload(body: Any) -> bool:
    """What is wrong with the configuration is an answer, and no error of whoever asked."""
    return isinstance(body, dict) and "findings" in body


def _given(query: Query) -> Row:
    return {each.name: value for each in fields(query) if (value := getattr(query, each.name)) is not None}


def _choice(query: Query) -> Row:
    """What a decision is about; how many rows a list would show is nothing to it."""
    return {name: value for name, value in _given(query).items() if name != "limit"}


def _part(id_: str) -> str:
    return quote(id_, safe="")
