"""What the sandbox holds, for people with a browser. Rendered here, without scripts and without anything from outside.

GET /                        an overview: the newest of everything
GET /pages/{section}         all of one kind, `?page=2` and so on
GET /pages/{section}/{id}    one record with its timeline and its JSON
GET /pages/style.css

`?refresh=5` has the browser load the page again every five seconds.
"""

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from bridge.sandbox.pages.model import Section
from bridge.sandbox.pages.sections import sections

if TYPE_CHECKING:
    from bridge.sandbox.server import Sandbox

NEWEST: Final = 5
PER_PAGE: Final = 100
SLOWEST_REFRESH_S: Final = 3_600
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def add_pages(application: web.Application, sandbox: "Sandbox") -> None:
    """Serve the pages of a sandbox at `/` and `/pages/`."""
    pages = _Pages(sandbox)
    application.router.add_get("/", pages.overview)
    application.router.add_get("/pages/style.css", pages.style)
    application.router.add_get("/pages/{section}", pages.section)
    application.router.add_get("/pages/{section}/{id:.+}", pages.item)


class _Pages:
    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        self._style = (resources.files(__package__) / "style.css").read_text(encoding="utf-8")
        self._templates = Environment(
            loader=PackageLoader(__package__, "."),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def overview(self, request: web.Request) -> web.Response:
        return self._page(request, "overview.html", sections=self._sections(), newest=NEWEST)

    async def section(self, request: web.Request) -> web.Response:
        section = self._find(request)
        if section is None:
            return self._nothing(request)
        number = _whole(request, "page", 1, most=1 + len(section.items) // PER_PAGE)
        items = section.items[(number - 1) * PER_PAGE : number * PER_PAGE]
        pages = max(1, -(-len(section.items) // PER_PAGE))
        return self._page(request, "section.html", section=section, items=items, number=number, pages=pages)

    async def item(self, request: web.Request) -> web.Response:
        section = self._find(request)
        item = None if section is None else section.item(request.match_info["id"])
        if item is None:
            return self._nothing(request)
        return self._page(request, "item.html", section=section, item=item)

    async def style(self, _: web.Request) -> web.Response:
        return web.Response(text=self._style, content_type="text/css", headers=HEADERS)

    def _sections(self) -> list[Section]:
        return sections(self._sandbox.snapshot(), self._sandbox.journal)

    def _find(self, request: web.Request) -> Section | None:
        return next((each for each in self._sections() if each.name == request.match_info["section"]), None)

    def _nothing(self, request: web.Request) -> web.Response:
        return self._page(request, "nothing.html", status=404)

    def _page(self, request: web.Request, name: str, status: int = 200, **values: Any) -> web.Response:
        refresh = _whole(request, "refresh", 0, most=SLOWEST_REFRESH_S)
        query = f"?refresh={refresh}" if refresh else ""
        text = self._templates.get_template(name).render(refresh=refresh, query=query, path=request.path, **values)
        return web.Response(status=status, text=text, content_type="text/html", headers=HEADERS)


def _whole(request: web.Request, name: str, default: int, *, most: int) -> int:
    """A whole number from 1 to `most` of the query, or `default`."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):  # noqa: PLR2004
        raise web.HTTPBadRequest(text=f"{name} must be a whole number from 1 to {most}\n", headers=HEADERS)
    return int(text)
