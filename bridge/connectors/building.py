"""Building one HTTP request from a connector's request template and what a call gives."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from bridge.connectors.call import Call
from bridge.connectors.free_form import checked_headers
from bridge.connectors.parts import Request
from bridge.connectors.request import OutboundRequest
from bridge.connectors.wire import ParameterRefused, form_text, json_bytes, with_query
from bridge.expressions import RenderError, Tree, compile_template, compile_tree

Rendered = TypeVar("Rendered")

REQUEST_NAMES = frozenset({"params", "settings", "key", "since"})


class CompiledRequest:
    """A request template of a connector file."""

    def __init__(
        self,
        request: Request,
        common_headers: Mapping[str, str],
        idempotency_header: str | None,
        *,
        names: frozenset[str] = REQUEST_NAMES,
    ) -> None:
        self._method = request.method
        self._path = compile_template(request.path, names=names)
        self.path_params = frozenset(read[1] for read in self._path.reads if len(read) > 1 and read[0] == "params")
        self._query = compile_tree(request.query, names=names)
        headers: dict[str, object] = {"Accept": "application/json", **common_headers, **request.headers}
        if idempotency_header:
            headers[idempotency_header] = "{{ key }}"
        self._headers = compile_tree(headers, names=names)
        self._json = None if request.json_ is None else compile_tree(request.json_, names=names)
        self._form = None if request.form is None else compile_tree(request.form, names=names)
        self._fetch = None if request.fetch is None else compile_template(request.fetch, names=names)
        self._same_url = None if self._path.reads or not self._query.constant else _once(self._rendered_url)
        self._same_headers = (
            _once(lambda scope: _text_headers(self._headers, scope)) if self._headers.constant else None
        )

    def build(self, call: Call) -> OutboundRequest:
        """The request for a call.

        Raises:
            RenderError: a template of the connector met something it cannot use.
        """
        return self.render(call.scope())

    def render(self, scope: Mapping[str, object], *, more: Mapping[str, object] | None = None) -> OutboundRequest:
        """The request for the names in scope; `more` are further keys of the JSON body, as they are.

        Raises:
            RenderError: as `build`.
        """
        headers = _text_headers(self._headers, scope) if self._same_headers is None else dict(self._same_headers)
        url = self.url(scope)
        if self._fetch is not None:
            return OutboundRequest(self._method, url, headers, fetch=self._fetch.render_text(scope))
        body = None if self._json is None else self._json.render(scope)
        if more is not None:
            body = {**(body if isinstance(body, Mapping) else {}), **more}
        form = None if self._form is None else self._form.render(scope)
        if isinstance(form, Mapping):
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return OutboundRequest(self._method, url, headers, form_text(form).encode())
        if self._json is None and more is None:
            return OutboundRequest(self._method, url, headers)
        headers["Content-Type"] = "application/json"
        return OutboundRequest(self._method, url, headers, json_bytes(body))

    def url(self, scope: Mapping[str, object]) -> str:
        """The encoded path with its query.

        Raises:
            RenderError: as `build`.
        """
        return self._rendered_url(scope) if self._same_url is None else self._same_url

    def _rendered_url(self, scope: Mapping[str, object]) -> str:
        query = self._query.render(scope)
        return with_query(self._path.render_path(scope), query if isinstance(query, Mapping) else {})


def _once(render: Callable[[Mapping[str, object]], Rendered]) -> Rendered | None:
    """What does not depend on the call is rendered once; None when it cannot be, so that each call says so."""
    try:
        return render({})
    except (RenderError, ParameterRefused):
        return None


def _text_headers(tree: Tree, scope: Mapping[str, object]) -> dict[str, str]:
    rendered = tree.render(scope)
    if not isinstance(rendered, dict):
        raise TypeError("headers are a mapping")
    return checked_headers(rendered)
