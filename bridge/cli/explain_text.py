"""The document of `explain` for people: from top to bottom, places in a column at the right, long texts cut."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.text import Text

from bridge.cli.output import STYLES, cell
from bridge.connectors.opened import PartPath
from bridge.diagnostics import visible
from bridge.diagnostics.paths import dotted
from bridge.sources.strict_json import dump_json

Row = dict[str, Any]

LEAST_COLUMN = 34
SHORT = 40
"""A template text of at most so many characters stands beside its place."""
MARKS = {"yes": "green", "no": "bold red", "error": "bold red"}
QUIET = "dim"


class Page:
    """Writes lines with places at their right.

    Args:
        console: where to.
        full: cut nothing.
        origins: show where the values of requests come from.
    """

    def __init__(self, console: Console, *, full: bool, origins: bool) -> None:
        self._console = console
        self._full = full
        self._origins = origins

    # --- the parts of the document ---------------------------------------------------------------------------------

    def event(self, event: Row) -> None:
        """The headline."""
        self._line(f"event {event['event_id']}: {event['source']}/{event['type']}")
        if event["id"] is not None:
            self._line(f"{event['id']}, received {event['received_at']}", indent=2, style=QUIET)
        self._line("")

    def rule(self, row: Row) -> None:
        """One rule."""
        self._line(f"rule {row['rule']}: {'matches' if row['matched'] else 'does not match'}", at=row["at"])
        if row["fit"] != "if" and not row["matched"]:
            self._wrapped(row["reason"], 2)
        if row["on"] is not None and row["on"]["nearest"] is not None:
            nearest = row["on"]["nearest"]
            self._line(f"nearest: {nearest['pattern']}", at=nearest["at"], indent=2)
        if row["if"] is not None:
            self._condition(row["if"], 2)
        if row["matched"]:
            self._matched(row)
        if row["delivery"] is not None:
            self._delivery(row["delivery"], row)
        self._line("")

    def change(self, row: Row) -> None:
        """What another configuration would do otherwise with one rule."""
        self._line(f"rule {row['rule']}: {row['kind']}")
        if row["before"] != row["after"]:
            self._wrapped(f"now   {row['before']}", 2, hang=6)
            self._wrapped(f"then  {row['after']}", 2, hang=6)
        for part in row["waits"]:
            self._part(part, 2)
        for request in row["requests"]:
            self._line(f"step {request['step']}: {request['operation']}: {request['kind']}", indent=2)
            for part in request["parts"]:
                self._part(part, 4)
        self._line("")

    # --- a rule that matches ---------------------------------------------------------------------------------------

    def _matched(self, row: Row) -> None:
        if row["reason"] != "done":
            at = row["death"]["at"] if row["death"] else None
            for number, line in enumerate(row["reason"].split("\n")):
                self._wrapped(line.strip(), 2, style="bold red" if row["death"] and not number else "")
            if at is not None:
                self._line(f"at {at}", indent=2)
        self._waits(row["waits"])
        for recalled in row["recall"]:
            self._line(
                f"recalls {recalled['name']} of {self._json(recalled['key'])}: {self._json(recalled['value'])}",
                at=recalled["at"],
                indent=2,
            )
        for skipped in row["skipped_steps"]:
            item = "" if skipped["item"] is None else f", item {skipped['item']}"
            self._line(f"step {skipped['step']}{item}: skipped", at=skipped["at"], indent=2)
            if skipped["if"] is None:
                self._line("its `for_each` gives an empty list", indent=5)
            else:
                self._condition(skipped["if"], 5)
        for number, request in enumerate(row["requests"], 1):
            self._request(number, request)

    def _waits(self, waits: Row | None) -> None:
        if waits is None:
            return
        if waits["shadow"]:
            self._line("mode shadow: nothing is sent", indent=2)
        if waits["lanes"]:
            held = f", held at most {waits['order_hold']} by its own failures" if waits["order"] == "hold" else ""
            lanes = " and ".join(waits["lanes"])
            self._line(f"lane {lanes}, key {self._json(waits['key'])}", at=waits["at"], indent=2)
            self._line(f"order {waits['order']}{held}", indent=2)
        else:
            self._line("no lane: it waits for nobody", indent=2)
        for name, words in (
            ("coalesce", "{within} with the same {by!r}: the last one is carried out"),
            ("only_forward", "{by!r}: place {rank} of {of}; dropped unless it is ahead"),
            ("only_newer", "{by!r}: dropped if something newer than {time} is done"),
        ):
            if waits[name] is not None:
                self._wrapped(f"{name} {words.format(**waits[name])}", 2)

    # --- conditions ------------------------------------------------------------------------------------------------

    def _condition(self, clause: Row, indent: int) -> None:
        """An `if`, one line for each part of its `and`."""
        parts = clause["parts"] if clause["joint"] == "and" else [clause]
        for number, part in enumerate(parts):
            self._clause(part, indent, "if  " if number == 0 else "    ")

    def _clause(self, clause: Row, indent: int, lead: str = "", blamed: str = "no") -> None:
        """One part of a condition, and why it says what it says, if that is what the condition fails for."""
        verdict = clause["verdict"] if clause["reached"] else "-"
        words = " ".join(clause["text"].split())
        self._line(f"{lead}{verdict:<5} {self._cut(words)}", at=clause["at"], indent=indent, mark=verdict)
        if not clause["reached"]:
            return
        inner = indent + len(lead)
        for part in clause["parts"]:
            opposite = "yes" if blamed == "no" else "no"
            self._clause(part, inner + 3, blamed=opposite if clause["joint"] == "not" else blamed)
        if clause["parts"]:
            return
        if clause["verdict"] == "error":
            self._wrapped(f"because {clause['error']}", inner + 6, hang=8)
            if clause["mend"]:
                self._wrapped(f"mend: {clause['mend']}", inner + 6, hang=6)
        elif clause["verdict"] == blamed:
            for value in clause["values"]:
                said = "missing" if value["missing"] else self._json(value["value"])
                self._wrapped(f"because {value['name']} is {said}", inner + 6, hang=8)

    # --- requests --------------------------------------------------------------------------------------------------

    def _request(self, number: int, request: Row) -> None:
        note = "  (ids from sample answers)" if request["sampled"] else ""
        self._line(f"{number}. step {request['step']}: {request['operation']}{note}", at=request["at"], indent=2)
        lines = list(_request_lines(request, self._json))
        column = min(max([LEAST_COLUMN, *(len(text) + 7 for text, _ in lines)]), self._console.width // 2 + 2)
        for text, parts in lines:
            self._with_origin(text, parts, request, column)
        self._line(f"key {request['idempotency_key']}", indent=5, style=QUIET)
        self._wrapped(request["repeat"], 5, style=QUIET)
        self._passes(request)

    def _with_origin(self, text: str, parts: Sequence[str], request: Row, column: int) -> None:
        """A line of a request; at its right stands where each of its values comes from, one below the other."""
        line = Text(" " * 5 + visible(text))
        notes = _origins(parts, request) if self._origins else []
        if notes and len(line) + 2 > column:
            self._console.print(line, soft_wrap=True)
            line = Text()
        for number, (origin, written) in enumerate(notes):
            line = line if number == 0 else Text()
            line.append(" " * (column - len(line))).append(visible(origin), style=QUIET)
            short = " ".join(written.split())
            if ("{{" in short or "${" in short) and (self._full or len(short) <= SHORT):
                if len(line) + 2 + len(short) > self._console.width:
                    self._console.print(line, soft_wrap=True)
                    line = Text(" " * (column - 2))
                line.append("  " + visible(short), style="cyan")
            self._console.print(line, soft_wrap=True)
        if not notes:
            self._console.print(line, soft_wrap=True)

    def _passes(self, request: Row) -> None:
        standing = request["destination"]
        if standing is not None:
            detail = "".join(
                f", {words} {standing[name]}"
                for name, words in (("detail", ""), ("held_until", "until"), ("retry_at", "tried again at"))
                if standing[name] is not None
            )
            waiting = f", {standing['waiting']} waiting" if standing["waiting"] else ""
            self._wrapped(f"destination now: {standing['state']}{detail}{waiting}", 5)
        if request["together"] > 1:
            self._line(f"may share its request with up to {request['together'] - 1} others", indent=5, style=QUIET)
        for limit in request["limits"]:
            key = "" if limit["key"] is None else f" for {self._json(limit['key'])}"
            own = " (set here)" if limit["by_operator"] else ""
            calls = "1 call" if limit["calls"] == 1 else f"{limit['calls']} calls"
            self._wrapped(f"limit {limit['name']}: {calls} in {limit['per']}{key}{own}{_now(limit['now'])}", 5)

    # --- what became of it -----------------------------------------------------------------------------------------

    def _delivery(self, delivery: Row, row: Row) -> None:
        state = delivery["state"]
        line = Text("  delivery ").append(visible(delivery["id"])).append(": ").append(state, STYLES.get(state, ""))
        self._console.print(line, soft_wrap=True)
        for name, words in (("reason", ""), ("queue", "waits for the limit "), ("due_at", "due ")):
            if delivery[name] is not None and not (name == "due_at" and delivery["queue"]):
                self._wrapped(f"{words}{delivery[name]}", 5)
        if delivery["rule_changed"] and row["revision"] is not None:
            self._line(f"rule changed since: {delivery['revision']}, now {row['revision']}", indent=5)
        for tried in delivery["tries"]:
            self._try(tried)
        if delivery["dead"] is not None:
            self._dead(delivery["dead"], row)

    def _try(self, tried: Row) -> None:
        changed = "  rule changed since" if tried["rule_changed"] else ""
        status = tried["status"] if tried["status"] is not None else "-"
        words = f"{cell(tried['started_at'])}  step {tried['step']}  {tried['outcome']}  {status}  {tried['code']}"
        self._line(f"{tried['number']}. {words}{changed}", indent=5)
        if tried["message"]:
            self._wrapped(self._cut(tried["message"], 3 * SHORT), 8)

    def _dead(self, dead: Row, row: Row) -> None:
        self._line("")
        self._wrapped(dead["headline"], 2, style="bold red")
        self._line("")
        self._told("what", dead["what"])
        self._told("why", dead["why"])
        self._told("from", dead["event"])
        revision = f"revision {dead['revision']}"
        if row["revision"] not in {None, dead["revision"]}:
            revision += f"; the rule has changed since: {row['revision']}"
        self._told("", f"{dead['at']}, {revision}" if dead["at"] else f"rule {row['rule']}, {revision}")
        self._told("mend", dead["mend"])
        self._told("", f"then: {dead['then']}")

    def _told(self, name: str, text: str) -> None:
        self._wrapped(f"{name:<6} {self._cut(text, 6 * SHORT)}", 4, hang=7)

    # --- lines -----------------------------------------------------------------------------------------------------

    def _part(self, part: Row, indent: int) -> None:
        """One value that would be another one."""
        old, new = (self._json(part[name]) for name in ("old", "new"))
        words = {"added": f"+ {part['part']}: {new}", "removed": f"- {part['part']}: {old}"}
        self._wrapped(words.get(part["kind"], f"~ {part['part']}: {old} → {new}"), indent, hang=4)

    def _line(self, text: str, *, at: str | None = None, indent: int = 0, style: str = "", mark: str = "") -> None:
        line = Text(" " * indent + visible(text), style=style)
        if mark in MARKS:
            start = text.index(mark)
            line.stylize(MARKS[mark], indent + start, indent + start + len(mark))
        if at is not None:
            place = visible(at)
            room = self._console.width - len(line) - len(place)
            if room < 2:  # noqa: PLR2004 - two columns between them
                self._console.print(line, soft_wrap=True)
                line, room = Text(), max(0, self._console.width - len(place))
            line.append(" " * room).append(place, style=QUIET)
        self._console.print(line, soft_wrap=True)

    def _wrapped(self, text: str, indent: int, *, hang: int = 0, style: str = "") -> None:
        """A text over as many lines as it needs."""
        width = max(SHORT, self._console.width - indent)
        lines = wrap(visible(text), width, subsequent_indent=" " * hang, break_on_hyphens=False) or [""]
        for line in lines:
            self._console.print(Text(" " * indent + line, style=style), soft_wrap=True)

    def _cut(self, text: str, length: int = SHORT + 12) -> str:
        if self._full or len(text) <= length:
            return text
        return f"{text[:length]}… (+{len(text) - length})"

    def _json(self, value: object) -> str:
        """A value as JSON, cut when it is long."""
        return self._cut(dump_json(value).decode())


def _origins(parts: Sequence[str], request: Row) -> list[tuple[str, str]]:
    """The places that the values of these parts come from, each with the text there; else the one who added them."""
    places = list(dict.fromkeys(at for part in parts for at in request["origins"].get(part, ())))
    if places:
        return [(at, request["texts"].get(at, "")) for at in places]
    return [(word, "") for part in parts[:1] if (word := request["added_by"].get(part)) is not None]


def _now(now: Row | None) -> str:
    if now is None:
        return ""
    held = f", held until {now['held_until']}" if now["held_until"] else ""
    which = "; the fullest has " if now["keys"] is not None else "; now "
    return f"{which}{now['used']} of {now['limit']} used{held}"


def _request_lines(request: Row, json: Any) -> Iterator[tuple[str, list[str]]]:
    """The lines of a request, each with the parts of it that stand there."""
    parts = [*request["origins"], *request["added_by"]]
    yield f"{request['method']} {request['url']}", [part for part in parts if part.startswith(("path", "query"))]
    for name, value in request["headers"].items():
        yield f"{name}: {value}", [dotted(("headers", name))]
    if "fetch" in request:
        yield f"the file at {request['fetch']}", [part for part in parts if part == "fetch"]
    if "body" not in request:
        return
    body = request["body"]
    kind = next((name for name in ("json", "form", "text") if any(part.startswith(name) for part in parts)), "json")
    if kind == "json":
        yield from _json_lines(body, ("json",), json, "", "")
    else:
        yield json(body), [part for part in parts if part.startswith(kind)]


def _json_lines(value: Any, path: PartPath, json: Any, lead: str, comma: str) -> Iterator[tuple[str, list[str]]]:
    indent = " " * (2 * (len(path) - 1))
    if isinstance(value, Mapping) and value:
        yield f"{indent}{lead}{{", []
        for number, (key, item) in enumerate(value.items(), 1):
            yield from _json_lines(item, (*path, str(key)), json, f'"{key}": ', "," if number < len(value) else "")
        yield f"{indent}}}{comma}", []
    elif isinstance(value, list) and value:
        yield f"{indent}{lead}[", []
        for index, item in enumerate(value):
            yield from _json_lines(item, (*path, index), json, "", "," if index + 1 < len(value) else "")
        yield f"{indent}]{comma}", []
    else:
        yield f"{indent}{lead}{json(value)}{comma}", [dotted(path)]
