"""The admin API: what the commands need while a daemon holds the store. A token is always required (facts S40-S51)."""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from aiohttp import web

from bridge.engine.console import ADMIN_API, Console, Rows, WrongUse
from bridge.engine.faults import place_of
from bridge.errors import StoreError, UsageError
from bridge.web.answers import answer, refusal
from bridge.web.endpoints import BY_HEADER, ENDPOINTS, MORE_HEADER, PREFIX, Endpoint, openapi, read_call
from bridge.web.metrics import CONTENT_TYPE, exposition

__all__ = ["BY_HEADER", "ENDPOINTS", "MORE_HEADER", "PREFIX", "Admin", "openapi"]

log = structlog.get_logger(__name__)

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9._@-]{1,64}", re.ASCII)
Reload = Callable[[], Awaitable[dict[str, object]]]


class Admin:
    """The admin listener's application.

    Args:
        console: answers and decides.
        token: the only credential; kept as a hash.
        reload: loads the configuration again and says how it went.
        host: the host name the listener is bound to, accepted beside the loopback names.
    """

    def __init__(self, console: Console, token: str, reload: Reload, *, host: str) -> None:
        self._console = console
        self._token_hash = hashlib.sha256(token.encode()).digest()
        self._reload = reload
        self._hosts = LOOPBACK_NAMES | {f"[{host.lower()}]" if ":" in host else host.lower()}

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[self._guard], client_max_size=65_536)
        for endpoint in ENDPOINTS:
            app.router.add_route(endpoint.method, PREFIX + endpoint.path, self._handler(endpoint))
        app.router.add_post(f"{PREFIX}/reload", self._handle_reload)
        app.router.add_get(f"{PREFIX}/openapi.json", self._handle_openapi)
        app.router.add_get("/metrics", self._handle_metrics)
        return app

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        refused = self._refused(request)
        if refused is not None:
            return refused
        try:
            return await handler(request)
        except UsageError as error:
            code = "wrong_use" if isinstance(error, WrongUse) else "refused"
            return refusal(400, code, str(error), "Look at the ids and filters.")
        except StoreError as error:
            return refusal(503, "unavailable", type(error).__name__, "Try again.", headers={"Retry-After": "5"})
        except web.HTTPException as error:
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            help_ = f"See {PREFIX}/openapi.json for what there is."
            return refusal(error.status, "http", error.reason, help_, headers=allow)
        except Exception as error:  # noqa: BLE001 - aiohttp would log a traceback, which may quote customer text
            log.error("admin.fault", problem=type(error).__name__, place=place_of(error))  # noqa: TRY400 - as above
            return refusal(500, "fault", "Something went wrong on our side.", "Look into the log of the daemon.")

    def _refused(self, request: web.Request) -> web.Response | None:
        """Host before token before origin: a page in the operator's browser must not get in by another name."""
        if not self._is_our_host(request.headers.getall("Host", [])) or not request.raw_path.startswith("/"):
            return refusal(421, "host", "This host name is not ours.", "Use the address in `admin.listen`.")
        if not self._has_token(request.headers.get("Authorization", "")):
            return refusal(401, "token", "The token is missing or wrong.", "Send `Authorization: Bearer TOKEN`.")
        if request.method == "POST":
            if self._is_cross_site(request):
                return refusal(403, "cross_site", "Cross-site requests are refused.", "Use the command line.")
            if request.content_type != "application/json":
                return refusal(415, "content_type", "A JSON body is needed.", "Send `Content-Type: application/json`.")
        return None

    def _is_our_host(self, given: Sequence[str]) -> bool:
        """Whether there is exactly one `Host`, of exactly one form, and it is one of our names."""
        match = _HOST.fullmatch(given[0].lower()) if len(given) == 1 else None
        return match is not None and match[1] in self._hosts

    def _is_cross_site(self, request: web.Request) -> bool:
        """Whether a browser says that the request comes from a page that is not ours."""
        if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
            return True
        origin = request.headers.get("Origin")
        return origin is not None and origin.lower() not in {
            f"{scheme}://{request.headers['Host'].lower()}" for scheme in ("http", "https")
        }

    def _has_token(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        given = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        return hmac.compare_digest(given, self._token_hash) and scheme.lower() == "bearer"

    def _handler(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = await read_call(request, endpoint)
            result = await endpoint.run(self._console.acting_for(_decider(request)), call)
            if endpoint.method == "POST":
                log.info("admin.decided", call=endpoint.path, id=call.path.get("id"))
            more = {MORE_HEADER: "true"} if isinstance(result, Rows) and result.more else {}
            return answer(result, headers=more)

        return handle

    async def _handle_reload(self, request: web.Request) -> web.StreamResponse:
        result = await self._reload()
        await self._console.acting_for(_decider(request)).record("reload", reload_detail(result))
        return answer(result, status=200 if result.get("ok") else 400)

    async def _handle_metrics(self, _request: web.Request) -> web.Response:
        text = exposition(await self._console.status())
        return answer(text, headers={"Content-Type": CONTENT_TYPE})

    async def _handle_openapi(self, _request: web.Request) -> web.StreamResponse:
        return answer(openapi())


def reload_detail(result: Mapping[str, object]) -> dict[str, object]:
    """What the audit keeps of a reload: how it went, the revision, and which rules are others now."""
    findings = result.get("findings")
    count = len(findings) if isinstance(findings, list) else 0
    changes = result.get("changes")
    changed = {name: names for name, names in changes.items() if names} if isinstance(changes, Mapping) else {}
    return {"ok": bool(result.get("ok")), "findings": count, "revision": result.get("revision"), **changed}


def _decider(request: web.Request) -> str:
    """Who decides, for the audit: whoever has the token, and the name that the command line gives beside it."""
    user = request.headers.get(BY_HEADER, "")
    return f"{user} ({ADMIN_API})" if _USER.fullmatch(user) else ADMIN_API
