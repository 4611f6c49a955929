"""The reference pages say what the code does: every key, filter, state, limit, command and log line, both ways."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
import typer
from pydantic import BaseModel
from typer.core import TyperCommand, TyperGroup

from bridge.cli.preset_page import presets_page
from bridge.cli.program import program
from bridge.configuration.load import load_configuration
from bridge.connectors.destination import DestinationShape
from bridge.connectors.library import shipped, shipped_names
from bridge.connectors.looks import Account, Claim, Creation, Inside, Live, Look, Scopes
from bridge.connectors.schema import Assertion, Auth, Connector, ErrorRow, Operation, Setting
from bridge.connectors.traffic import Batch, Job, Limit, Results
from bridge.diagnostics import PAGES, parse_yaml
from bridge.expressions import FILTERS
from bridge.model import DeadKind, DeliveryState, Order, Outcome
from bridge.rules.schema import RuleShape, StepShape
from bridge.settings import Settings
from bridge.sources import HmacScheme, Preset, Reason, Source, SourceConfig, forms, load_preset, shipped_heads
from bridge.sources.bodies import MAX_LINES, PLAIN_KINDS
from bridge.sources.charsets import CHARSETS
from bridge.sources.handshake import Block
from bridge.sources.handshake_reading import REPEATED
from bridge.sources.places import PlaceKind
from bridge.sources.proofs.message import Token, TokenKind, parse_message
from bridge.sources.proofs.notification import SnsScheme
from bridge.sources.proofs.public_key import EcdsaScheme, Ed25519Scheme, RsaScheme
from bridge.sources.proofs.signed import Signed
from bridge.sources.proofs.web_token import JwtScheme
from bridge.sources.proofs.words import TokenScheme
from bridge.sources.schema import Shape
from bridge.sources.splitting import MAX_ITEMS, is_path
from bridge.sources.strict_json import MAX_DEPTH
from bridge.units import format_duration
from bridge.web.endpoints import ENDPOINTS, OTHERS
from bridge.web.metrics import exposition
from bridge.web.reports import TOO_SOON
from tests.canaries import ORDERS_SECRET
from tests.sources.builders import accepted, fields_of, send

COMMON_OPTIONS = {"--config", "--env-file", "--json", "--limit", "--help"}
"""Options that the page explains once for all commands."""
LOG_LINE = re.compile(r"\blog\.(?:info|warning|error|critical)\(\s*(?:#[^\n]*)?\s*\"([\w.]+)\"")
REFUSAL = re.compile(r"\b(?:Refused|refusal|unfit|_unentered|NoEvent|_later)\(\s*(?:\d+,\s*)?\"([a-z_]+)\"")
NO_HOOKS = {"admin", "captures", "server"}
"""Modules whose refusals are none of a source's."""
METRIC = re.compile(r"^# TYPE (\w+) ", re.MULTILINE)
COMMENTED = re.compile(r"^    # (?P<line>(?:  )?\w+: .*|\w+:)$", re.MULTILINE)
"""A key of the example that is there to be taken out of its comment."""
YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def keys_of(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def section(page: str, heading: str) -> str:
    """What stands below a heading."""
    return page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def first_cells(page: str, heading: str) -> set[str]:
    """The code words in the first column of the table below a heading."""
    return set(re.findall(r"^\| `([^`]+)` \|", section(page, heading), re.MULTILINE))


def rows(page: str, heading: str) -> dict[str, list[str]]:
    """The table below a heading: the code word in the first column -> the other cells."""
    lines = [line.strip("| \n").split(" | ") for line in section(page, heading).splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): [cell.strip() for cell in cells[1:]] for cells in lines}


def commands(found: object, *names: str) -> Iterator[tuple[str, TyperCommand]]:
    """Every command that does something, by its full name."""
    if isinstance(found, TyperGroup):
        for name, command in found.commands.items():
            yield from commands(command, *names, name)
    elif isinstance(found, TyperCommand):
        yield " ".join(names), found


def test_every_key_of_a_rule_and_a_step_is_documented_and_no_other(repository: Path) -> None:
    page = (repository / "docs/rules.md").read_text()
    assert first_cells(page, "A rule") == keys_of(RuleShape)
    assert first_cells(page, "A step") == keys_of(StepShape)
    assert all(f"`{order}" in page for order in Order)


def test_every_filter_is_documented_as_it_is(repository: Path) -> None:
    page = (repository / "docs/rules.md").read_text()
    assert first_cells(page, "Filters") == {doc.usage for doc in FILTERS.values()}
    assert [name for name, doc in FILTERS.items() if doc.summary not in page] == []


def test_states_outcomes_and_kinds_are_documented(repository: Path) -> None:
    page = (repository / "docs/operations.md").read_text()
    assert first_cells(page, "States of a delivery") == {str(state) for state in DeliveryState}
    assert first_cells(page, "Kinds of dead letters") == {str(kind) for kind in DeadKind}
    assert [outcome for outcome in Outcome if f"`{outcome}`" not in page] == []


def test_every_setting_of_the_process_is_documented_and_no_other(repository: Path) -> None:
    page = (repository / "docs/operations.md").read_text()
    keys = {
        f"{section}.{field.alias or name}"
        for section, settings in Settings.model_fields.items()
        for name, field in type(settings.default).model_fields.items()
    }
    assert first_cells(page, "Settings of the process") == keys


def test_every_key_of_a_destination_is_documented_and_no_other(repository: Path) -> None:
    page = (repository / "docs/operations.md").read_text()
    assert first_cells(page, "Destinations") == keys_of(DestinationShape)
    settings = {f"{name}: {key}" for name in shipped_names() for key in shipped(name).connector.settings}
    assert first_cells(page, "Keys of the shipped connectors") == settings


def test_every_shipped_limit_is_documented_as_it_is(repository: Path) -> None:
    documented = rows((repository / "docs/operations.md").read_text(), "Limits and budgets")
    limits = {f"{name}.{limit.name}": limit for name in shipped_names() for limit in shipped(name).limits}
    assert {name: cells[:2] for name, cells in documented.items()} == {
        name: [str(limit.calls), _length(limit.per_ms)] for name, limit in limits.items()
    }


def _length(milliseconds: int) -> str:
    return format_duration(milliseconds).replace(" ", "")


def test_every_operation_with_a_batch_form_is_documented(repository: Path) -> None:
    section = (repository / "docs/operations.md").read_text().split("## Batches\n", 1)[1].split("\n## ", 1)[0]
    batched = {
        name: operation.batch.on_by_default
        for connector in shipped_names()
        for name, operation in shipped(connector).operations.items()
        if operation.batch is not None
    }
    unnamed = [name for name in batched if f"`{name}`" not in section and f"`{name.split('.')[0]}.*`" not in section]
    assert unnamed == []
    off = [line for line in section.splitlines() if "| off" in line]
    assert [name for name, on in batched.items() if not on and not any(f"`{name}`" in line for line in off)] == []


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("The file", Connector),
        ("A setting", Setting),
        ("A way to authenticate", Auth),
        ("An assertion", Assertion),
        ("A limit", Limit),
        ("An operation", Operation),
        ("An error row", ErrorRow),
        ("A batch", Batch),
        ("A part of a batch's answer", Results),
        ("A job", Job),
        ("Asking the account", Live),
        ("A first look", Account),
        ("A look for scopes", Scopes),
        ("A look", Look),
        ("What is inside a thing", Inside),
        ("A creation", Creation),
        ("A claim", Claim),
    ],
)
def test_every_key_of_a_connector_file_is_documented_and_no_other(
    repository: Path, heading: str, model: type[BaseModel]
) -> None:
    assert first_cells((repository / "docs/connectors.md").read_text(), heading) == keys_of(model)


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("A source", SourceConfig),
        ("An HMAC", HmacScheme),
        ("A word", TokenScheme),
        ("A JSON Web Token", JwtScheme),
        ("Amazon SNS", SnsScheme),
    ],
)
def test_every_key_of_a_source_is_documented_and_no_other(
    repository: Path, heading: str, model: type[BaseModel]
) -> None:
    assert first_cells((repository / "docs/sources.md").read_text(), heading) == keys_of(model)


def test_every_key_of_a_preset_is_documented_and_no_other(repository: Path) -> None:
    text = (repository / "docs/sources.md").read_text()
    assert first_cells(text, "A preset of your own") == keys_of(Preset) - keys_of(Shape)
    listed = section(text, "A preset of your own").partition("say what the sender does (")[2].partition(")")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == keys_of(Shape)


def test_the_preset_that_the_page_shows_is_one(repository: Path, tmp_path: Path) -> None:
    (text,) = YAML_BLOCK.findall(section((repository / "docs/sources.md").read_text(), "A preset of your own"))
    (tmp_path / "acme.yaml").write_text(text)
    loaded = load_preset("acme", tmp_path)
    assert loaded.findings == ()
    assert loaded.preset is not None
    config = SourceConfig.model_validate({"preset": "acme", "secret": ORDERS_SECRET})
    source = Source.compile("acme", config, loaded.preset)
    (sample,) = loaded.preset.samples
    (event,) = accepted(send(source, sample.content))
    (expected,) = sample.events
    assert (event.type, event.event_id, fields_of(source, event)) == (expected.type, expected.id, expected.fields)


def test_every_key_that_public_keys_need_is_documented_and_no_other(repository: Path) -> None:
    own = set().union(*(keys_of(model) for model in (Ed25519Scheme, EcdsaScheme, RsaScheme))) - keys_of(Signed)
    assert first_cells((repository / "docs/sources.md").read_text(), "A public key") == own


def test_every_place_is_documented_and_no_other(repository: Path) -> None:
    page = (repository / "docs/sources.md").read_text()
    assert {cell.partition(":")[0] for cell in first_cells(page, "Places")} == set(get_args(PlaceKind))


def test_every_word_of_a_signed_text_is_documented_and_no_other(repository: Path) -> None:
    section = (repository / "docs/sources.md").read_text().split("## The signed text\n", 1)[1].split("\n## ", 1)[0]
    cells = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `{")]
    words = [word for cell in cells for word in re.findall(r"`\{([^}]+)\}`", cell)]
    tokens = [token for word in words for token in parse_message(f"{{{word}}}") if isinstance(token, Token)]
    assert {token.kind for token in tokens} == set(get_args(TokenKind))
    assert [token.place.kind for token in tokens if token.place] == ["header", "query", "json", "form", "form_json"]


def test_the_page_of_presets_is_current(repository: Path) -> None:
    assert (repository / "docs/presets.md").read_text() == presets_page(shipped_heads()), "run `make presets`"


def test_every_form_of_a_body_and_its_limits_are_documented_and_no_other(repository: Path) -> None:
    page = (repository / "docs/sources.md").read_text()
    section = page.split("## Bodies\n", 1)[1].split("\n## ", 1)[0]
    assert first_cells(page, "Bodies") == {*PLAIN_KINDS, "form_json(FIELD)", "multipart(FIELD)"}
    assert [name for name in CHARSETS if f"`{name}`" not in section and name != "utf-8"] == []
    mib = 1024 * 1024
    for limit in (
        f"{MAX_DEPTH} levels",
        f"{forms.MAX_FIELDS:,} fields",
        f"{forms.MAX_FILES} files | of at most {forms.MAX_FILE_BYTES // mib} MiB each",
        f"has at most {forms.MAX_FIELD_BYTES // mib} MiB",
        f"{forms.MAX_PART_HEADERS} headers",
        f"at most {forms.MAX_PART_HEADER_BYTES:,} bytes",
        f"{MAX_LINES:,} lines",
        f"{MAX_ITEMS:,} events",
    ):
        assert limit in section


def test_every_way_to_split_that_the_page_shows_is_one(repository: Path) -> None:
    section = (
        (repository / "docs/sources.md").read_text().split("## Many events in a request\n", 1)[1].split("\n## ", 1)[0]
    )
    cells = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    words = [word for cell in cells[1:] for word in re.findall("`([^`]+)`", cell)]
    shown = [path for word in words for path in (orjson.loads(word) if word.startswith('["') else [word])]
    assert len(shown) > 8
    assert [path for path in shown if not is_path(path)] == []


def test_every_kind_of_handshake_is_documented_with_its_keys_and_no_other(repository: Path) -> None:
    page = (repository / "docs/handshakes.md").read_text()
    documented = rows(page, "Kinds")
    kinds = {get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in get_args(Block)}
    assert documented.keys() == kinds.keys()
    common = {"kind", "when", "signed", "event"}
    assert [key for key in common if f"`{key}" not in page] == []
    missing = [
        f"{name} {key}"
        for name, kind in kinds.items()
        for key in keys_of(kind) - common
        if f"`{key}`" not in "".join(documented[name])
    ]
    assert missing == []


def test_every_command_is_documented_with_its_options_and_no_other(repository: Path) -> None:
    documented = rows((repository / "docs/operations.md").read_text(), "Commands")
    found = dict(commands(typer.main.get_command(program)))
    assert documented.keys() == found.keys()
    missing = [
        f"{name} {option}"
        for name, command in found.items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and option not in COMMON_OPTIONS and f"`{option}" not in documented[name][0]
    ]
    assert missing == []


def test_every_finding_about_an_account_is_documented_and_no_other(repository: Path) -> None:
    page = (repository / "docs/checking-live.md").read_text()
    codes = set(re.findall(r"^\| (BR[0-9]{3}) \|", page, re.MULTILINE))
    assert codes == {code for code in PAGES if code.startswith("BR45")}


def test_every_command_that_the_pages_name_exists(repository: Path) -> None:
    known = dict(commands(typer.main.get_command(program)))
    for path in (repository / "README.md", *sorted((repository / "docs").rglob("*.md"))):
        named = re.findall(
            r"crm-bridge ((?:events|deliveries|dead-letters|links|secrets) [a-z]+|[a-z][a-z-]*)\b", path.read_text()
        )
        groups = {name.split()[0] for name in known}
        assert [name for name in named if name not in known and name not in groups] == [], path.name


def test_every_call_of_the_admin_api_is_documented_and_no_other(repository: Path) -> None:
    page = (repository / "docs/operations.md").read_text()
    assert first_cells(page, "Admin API") == {f"{each.method} {each.path}" for each in (*ENDPOINTS, *OTHERS)}


def test_every_metric_is_documented_and_no_other(repository: Path) -> None:
    nothing: dict[str, Any] = {
        "events": dict.fromkeys(("accepted", "routed", "unmatched", "unrouted"), 0),
        "accounts": [],
        "books": {"differences": []},
        "oldest_open_age_s": None,
        "orphans": [],
        "configuration": {"refused": None},
        "sources": {},
        "destinations": {},
    }
    exported = METRIC.findall(exposition(nothing).decode())
    assert first_cells((repository / "docs/operations.md").read_text(), "Metrics") == set(exported)


def test_every_code_of_a_refused_request_is_explained_and_no_other(repository: Path) -> None:
    folders = [repository / "bridge/sources", repository / "bridge/web"]
    texts = [path.read_text() for folder in folders for path in folder.glob("*.py") if path.stem not in NO_HOOKS]
    codes = {code for text in texts for code in REFUSAL.findall(text)} - {"unknown_path", "not_ready"}
    reasons = {str(reason) for reason in Reason} - {"verified", "not_checked"}
    assembled = {"event_type_missing", "event_id_missing", REPEATED, *TOO_SOON}
    said = section((repository / "docs/operations.md").read_text(), "Why does nothing arrive?")
    explained = {
        code for row in re.findall(r"^\| (`.+?) \|", said, re.MULTILINE) for code in re.findall(r"`(\w+)`", row)
    }
    assert explained == codes | reasons | assembled


def test_every_log_line_is_documented_and_no_other(repository: Path) -> None:
    written = {name for path in (repository / "bridge").rglob("*.py") for name in LOG_LINE.findall(path.read_text())}
    assert first_cells((repository / "docs/operations.md").read_text(), "Log lines") == written


def test_every_commented_key_of_the_example_is_one_that_we_take(repository: Path, tmp_path: Path) -> None:
    text = (repository / "config.example.yaml").read_text()
    whole, count = COMMENTED.subn(r"    \g<line>", text)
    assert count > len(keys_of(DestinationShape))
    (tmp_path / "config.yaml").write_text(whole)
    (tmp_path / "config").symlink_to(repository / "config")
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)", whole), "a-value-0123456789abcdef")
    loaded = load_configuration(tmp_path / "config.yaml", variables)
    assert loaded.configuration is not None, [f"{each.place}: {each.message}" for each in loaded.findings]


@pytest.mark.parametrize(
    "name", ["rules", "operations", "connectors", "checking-live", "testing-rules", "sources", "handshakes", "editing"]
)
def test_every_yaml_block_of_the_pages_is_yaml_that_we_take(repository: Path, name: str) -> None:
    found = YAML_BLOCK.findall((repository / f"docs/{name}.md").read_text())
    assert found
    assert [parse_yaml(text, f"{name}.md").findings for text in found] == [()] * len(found)


def test_every_link_between_the_pages_leads_somewhere(repository: Path) -> None:
    broken = []
    for path in (repository / "README.md", *sorted((repository / "docs").rglob("*.md"))):
        for target, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", path.read_text()):
            page = (path.parent / target) if target else path
            if not page.exists() or (anchor and anchor not in _anchors(page)):
                broken.append(f"{path.name}: {target}#{anchor}")
    assert broken == []


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_files_that_the_architecture_page_names_exist(repository: Path) -> None:
    page = (repository / "docs/architecture.md").read_text()
    named = set(re.findall(r"`((?:bridge|tests|config)/[\w./]+)`", page))
    optional = {"config/connectors/", "config/sources/"}
    assert [name for name in named - optional if not (repository / name).exists()] == []
