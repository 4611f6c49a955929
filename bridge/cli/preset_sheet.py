"""One preset as a help sheet: everything that a person needs to connect the sender and to write rules."""

from collections.abc import Iterator

from bridge.cli.preset_page import GROUPS
from bridge.cli.sheets import print_heading, print_lines, print_section, print_yaml
from bridge.sources import AnswerText, LoadedPreset, Preset, SampleEvent
from bridge.sources.describe import Written, body, entry, handshakes, proof_rows, signed_by, split
from bridge.sources.schema import BODY_HASH, SenderHabits
from bridge.units import format_duration

_MARKS = {"L": "vendor's library", "D": "vendor's page", "C": "several receivers", "K": "common knowledge"}


def print_preset(loaded: LoadedPreset, origin: str) -> None:
    """The sheet of a preset that has been loaded."""
    preset, written = loaded.preset, loaded.written
    if preset is None:
        raise ValueError("a preset with mistakes has no sheet")
    title = "" if preset.title == preset.name else preset.title
    print_heading(preset.name, title, preset.doc, origin=origin)
    if preset.setup:
        print_lines("how to connect it", preset.setup)
    if entry(written):
        print_yaml("in the configuration", {"sources": entry(written)})
    trials = list(_trials(preset, written))
    if trials:
        print_lines("to try it without the sender", "\n".join(trials))
    print_section("how it proves itself", proof_rows(written))
    print_section("what it sends", list(_sends(preset, written)))
    print_section("handshake", handshakes(written))
    print_section("events, for `on`", list(preset.event_types.items()))
    print_section("names under `fields`", [(", ".join(preset.fields),)] if preset.fields else [])
    if preset.sender != SenderHabits():
        print_section("how the sender behaves", list(_habits(preset.sender)))
    facts = [(fact.mark, f"{fact.says}\n({_MARKS[fact.mark]}: {fact.source}, {fact.seen})") for fact in preset.facts]
    print_section("where this comes from", facts)
    for sample in preset.samples[:1]:
        print_yaml(f"a sample: {sample.name}, {sample.doc}", _sample(sample))
        if "events" in sample.model_fields_set:
            print_yaml("what becomes of it", {"events": [_expected(each.model_dump()) for each in sample.events]})


def _trials(preset: Preset, written: Written) -> Iterator[str]:
    """A command to copy for each sample, never cut, where somebody else than the vendor can sign."""
    signer = signed_by(written)
    if any(kind == "store_secret" for kind, _ in handshakes(written)):
        yield "with a `secret` of your own at the source, which is good beside the one that the sender brings:"
    if signer != "vendor":
        key = " --private-key KEY.pem" if signer == "private key" else ""
        for sample in preset.samples:
            yield f"crm-bridge send {preset.name} --sample {sample.name}{key}  # {sample.doc}"


def _sends(preset: Preset, written: Written) -> Iterator[tuple[str, str]]:
    """How a request of the sender is read."""
    yield "group", GROUPS[preset.group]
    yield "body", body(written)
    yield "a request is", split(written)
    yield "type", preset.event.type or "said at the source"
    yield "identity", ", else ".join("the hash of the bytes" if each == BODY_HASH else each for each in preset.event.id)
    if preset.event.time is not None:
        yield "time", preset.event.time
    match preset.answer_body:
        case "empty":
            more = ", without a body"
        case AnswerText(text=text, type=type_):
            more = f", `{text}` as {type_}"
        case _:
            more = ""
    yield "answered with", f"{preset.answer_status or 200} once it is stored{more}"


def _habits(habits: SenderHabits) -> Iterator[tuple[str, str]]:
    """How the sender behaves; what is not known is said."""
    yield "waits for an answer", habits.waits
    yield "sends again", habits.retries
    yield "gives up", habits.gives_up
    yield "takes for success", habits.success
    most = habits.repeats_for
    yield "repeats an event for", "nobody knows" if most is None else format_duration(most)


def _sample(sample: SampleEvent) -> dict[str, object]:
    """The request of a sample."""
    given = {"headers": sample.headers, "form": sample.form, "text": sample.text, "media_type": sample.media_type}
    written: dict[str, object] = {key: value for key, value in given.items() if value is not None and value != {}}
    return written if "form" in written or "text" in written else written | {"body": sample.body}


def _expected(event: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in event.items() if value is not None and value != {}}
