"""Several calls of one operation in one request, and its answer taken apart into one answer for each call.

An item of a batch's answer is turned into what the single form would have been answered, so that the operation's own
table judges it: sent alone or in company, a call has the same outcome.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge.connectors.answer import NOT_JSON, Answer, Trouble
from bridge.connectors.building import REQUEST_NAMES, CompiledRequest
from bridge.connectors.call import Call
from bridge.connectors.classify import status_fits
from bridge.connectors.item_rows import ItemTemplate, Named, ResultRow, texts_of
from bridge.connectors.request import OutboundRequest
from bridge.connectors.traffic import Batch, Job
from bridge.connectors.verdict import Verdict
from bridge.expressions import RenderError, Template, compile_expression, compile_template, compile_tree
from bridge.model import Outcome

SHARED_NAMES = frozenset({"params", "settings"})
DEFINITE = frozenset({Outcome.REJECTED, Outcome.GONE, Outcome.CONFLICT, Outcome.SUCCEEDED})
"""What a refusal of a whole request may mean for a single call. `succeeded`: a table that takes a 404 for success
speaks of one record, never of a hundred."""
UNNAMED = "the answer does not name this record"

Judge = Callable[[Call, Answer], Verdict]
Handle = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Split:
    """A batch's answer, taken apart.

    `answers` has one entry for each call, in their order; None: the answer does not speak of that call. `refused`:
    the whole request was refused for good, perhaps for one call's sake, so that the others deserve another request.
    `handles` is there when the API only promised: what to poll with, one JSON object for each call.
    """

    answers: tuple[Answer | None, ...]
    refused: bool = False
    handles: tuple[dict[str, object], ...] | None = None


class CompiledBatch:
    """The batch form of an operation. Pure: it builds requests and reads answers."""

    def __init__(self, batch: Batch, common_headers: Mapping[str, str], judge: Judge) -> None:
        """Compile the batch form of an operation.

        Args:
            batch: what the connector file says.
            common_headers: the connector's own.
            judge: the single form's classification.

        Raises:
            TemplateRefused: a template is wrong.
        """
        self.max = batch.max
        self.at_least = batch.at_least
        self.on_by_default = batch.default
        self.is_job = batch.job is not None
        """Whether the API only promises, so that the outcome has to be polled for."""
        self._items = batch.items
        self._statuses = batch.status
        self._judge = judge
        self._request = CompiledRequest(batch.request, common_headers, None, names=SHARED_NAMES)
        self._item = compile_tree(batch.item, names=REQUEST_NAMES)
        self._together = _template(batch.together)
        self._unique = _template(batch.unique)
        self._match = {
            name: compile_template(text, names=REQUEST_NAMES | {"index"}) for name, text in batch.match.items()
        }
        shared = frozenset() if self.is_job else SHARED_NAMES
        self._rows = [ResultRow(row, shared) for row in batch.results]
        self._job = CompiledJob(batch.job, common_headers, self._rows) if batch.job is not None else None

    def group(self, call: Call) -> str:
        """Calls of equal group may share a request.

        Raises:
            RenderError: the batch's URL cannot be made of this call.
        """
        together = self._together.render_text(call.scope()) if self._together else ""
        return f"{self._request.url(_shared(call))}\n{together}"

    def unique(self, call: Call) -> str:
        """Two calls with the same text must never be under way at the same time."""
        try:
            return self._unique.render_text(call.scope()) if self._unique else call.key
        except RenderError:
            return call.key  # what would tell them apart is absent, so nothing can collide

    def build(self, calls: Sequence[Call]) -> OutboundRequest:
        """One request for calls of one group.

        Raises:
            RenderError: one of the calls cannot be put into the batch's form; send them singly.
        """
        items = [self._item.render(call.scope()) for call in calls]
        return self._request.render(_shared(calls[0]), more={self._items: items})

    def split(self, calls: Sequence[Call], answer: Answer) -> Split:
        """What the answer to `build(calls)` says about each call.

        An answer that is about no single call (401, 429, 5xx, no answer at all) is everybody's own.
        """
        if answer.status is None or answer.trouble is not None or _is_page(answer):
            return _everybodys(calls, answer)
        if any(status_fits(status, answer.status) for status in self._statuses):
            return self._taken_apart(calls, answer)
        if answer.status // 100 == 2:  # noqa: PLR2004 - 2xx: a success that names nobody is nobody's success
            return Split((None,) * len(calls))
        definite = answer.status // 100 == 4 and self._judge(calls[0], answer).outcome in DEFINITE  # noqa: PLR2004 - 4xx
        return _everybodys(calls, answer, refused=definite)

    def poll(self, handle: Handle) -> OutboundRequest:
        """The request that asks how a promise stands; equal for all calls of one request.

        Raises:
            RenderError: the handle is not one of this batch's.
        """
        return self._the_job().poll(handle)

    def read_poll(self, call: Call, handle: Handle, answer: Answer) -> Answer | None:
        """What the single form would have been answered; None while it is not done, or the poll itself failed.

        `CompiledOperation.classify_poll` says which of the two.
        """
        return self._the_job().read(call, answer, self._names(call, handle.get("index")))

    def _the_job(self) -> "CompiledJob":
        if self._job is None:
            raise TypeError("this batch answers at once and is never polled")
        return self._job

    def _taken_apart(self, calls: Sequence[Call], answer: Answer) -> Split:
        body = answer.json
        silent: tuple[Answer | None, ...] = (None,) * len(calls)
        if body is NOT_JSON:
            return Split(silent)
        scope = {"status": answer.status, "headers": answer.headers, "body": body}
        if self._job is not None:
            return Split(silent, handles=self._job.handles(len(calls), scope))
        return Split(tuple(self._answers(calls, answer, scope)))

    def _answers(self, calls: Sequence[Call], answer: Answer, scope: Mapping[str, object]) -> Iterator[Answer | None]:
        spoken = self._assigned(calls, {**scope, **_shared(calls[0])})
        for place, call in enumerate(calls):
            found = spoken.get(place)
            yield found.answer(answer, {**scope, **call.scope()}) if found is not None else None

    def _assigned(self, calls: Sequence[Call], scope: Mapping[str, object]) -> dict[int, Named]:
        """Which item speaks of which call, by the call's place; a call that two items speak of is left out."""
        places = self._places(calls)
        by_place: dict[int, list[Named]] = {}
        nameless: list[Named] = []
        spoken = 0
        for named in _items(self._rows, scope):
            spoken += 1
            found = named.first_found(places)
            for place in found:
                by_place.setdefault(place, []).append(named)
            if not found:
                nameless.append(named)
        silent = [place for place in range(len(calls)) if place not in by_place]
        if len(nameless) == 1 and len(silent) == 1 and spoken == len(calls):
            by_place[silent[0]] = nameless  # everybody else has been named
        return {place: told[0] for place, told in by_place.items() if len(told) == 1}

    def _places(self, calls: Sequence[Call]) -> dict[tuple[str, str], int]:
        """(name, text) -> the place of the only call that has it."""
        named = [(pair, place) for place, call in enumerate(calls) for pair in self._names(call, place)]
        times = Counter(pair for pair, _ in named)
        return {pair: place for pair, place in named if times[pair] == 1}

    def _names(self, call: Call, index: object) -> list[tuple[str, str]]:
        scope = {**call.scope(), "index": index}
        return [(name, text) for name, template in self._match.items() for text in texts_of(template, scope)]


class CompiledJob:
    """A promise that is polled until it is kept."""

    def __init__(self, job: Job, common_headers: Mapping[str, str], rows: Sequence[ResultRow]) -> None:
        names = frozenset({"status", "headers", "body"})
        self._id = compile_expression(job.id, names=names)
        self._done = compile_expression(job.done, names=names)
        self._failed = compile_expression(job.failed, names=names)
        self._failure = ItemTemplate(job.failure, names | REQUEST_NAMES)
        self._poll = CompiledRequest(job.poll, common_headers, None, names=frozenset({"job"}))
        self._rows = rows
        self._last: tuple[Answer, dict[tuple[str, str], list[Named]]] | None = None

    def handles(self, count: int, scope: Mapping[str, object]) -> tuple[dict[str, object], ...] | None:
        """What to poll with; None when the answer promises nothing."""
        found = next(iter(texts_of(self._id, scope)), None)
        return tuple({"job": found, "index": place} for place in range(count)) if found else None

    def poll(self, handle: Handle) -> OutboundRequest:
        """The request that asks."""
        return self._poll.render({"job": handle.get("job")})

    def read(self, call: Call, answer: Answer, names: Sequence[tuple[str, str]]) -> Answer | None:
        """What the answer says about the call that has these names; None: not yet, or nothing."""
        body = answer.json
        if answer.trouble is not None or answer.status != 200 or body is NOT_JSON:  # noqa: PLR2004 - OK
            return None
        scope: dict[str, object] = {"status": answer.status, "headers": answer.headers, "body": body}
        failed = _holds(self._failed, scope)
        if not failed and not _holds(self._done, scope):
            return None
        table = self._table(answer, scope)
        told = next((table[pair] for pair in names if pair in table), [])
        full = {**scope, **call.scope()}
        if told:
            found = told[0].answer(answer, full) if len(told) == 1 else None
        else:
            found = self._failure.answer(answer, full) if failed else None
        return found or Answer(answer.status, answer.headers, answer.body, Trouble.CUT, UNNAMED)

    def _table(self, answer: Answer, scope: Mapping[str, object]) -> dict[tuple[str, str], list[Named]]:
        """Items by what they name; kept for the last answer, since all its calls read the same one."""
        if self._last is None or self._last[0] is not answer:
            table: dict[tuple[str, str], list[Named]] = {}
            for named in _items(self._rows, scope):
                for pair in named.pairs:
                    table.setdefault(pair, []).append(named)
            self._last = (answer, table)
        return self._last[1]


def _items(rows: Sequence[ResultRow], scope: Mapping[str, object]) -> Iterator[Named]:
    for row in rows:
        yield from row.items(scope)


def _everybodys(calls: Sequence[Call], answer: Answer, *, refused: bool = False) -> Split:
    return Split((answer,) * len(calls), refused=refused)


def _is_page(answer: Answer) -> bool:
    """A web page with a good status: the single form's table knows that this is no success."""
    return (answer.status or 0) // 100 == 2 and answer.looks_like_html  # noqa: PLR2004 - 2xx


def _shared(call: Call) -> dict[str, object]:
    return {"params": call.params, "settings": call.settings}


def _template(text: str | None) -> Template | None:
    return compile_template(text, names=REQUEST_NAMES) if text is not None else None


def _holds(condition: Template, scope: Mapping[str, object]) -> bool:
    try:
        return condition.evaluate(scope)
    except RenderError:
        return False  # it looks at something that this answer does not have
