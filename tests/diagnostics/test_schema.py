from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
    create_model,
    model_validator,
)

from bridge.diagnostics import (
    Document,
    Finding,
    Path,
    from_validation_error,
    parse_yaml,
    problem,
    resolve_variables,
)
from bridge.units import DurationMs
from tests.canaries import ERP_TOKEN


def _no_equals(text: object) -> object:
    if isinstance(text, str) and " = " in text:
        offset = text.index(" = ") + 1
        help_ = "write `==`"
        raise problem("`=` is not an operator", code="BR120", label="comparison is `==`", help=help_, offset=offset)
    return text


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Hmac(Shape):
    type: Literal["hmac"]
    algorithm: Literal["sha256", "sha512"] = "sha256"
    secrets: list[str]


class Basic(Shape):
    type: Literal["basic"]
    user: str


class Step(Shape):
    use: str
    timeout_ms: DurationMs = Field(default=1_000, alias="timeout")
    if_: Annotated[str, BeforeValidator(_no_equals)] = Field(default="", alias="if")


class Rule(Shape):
    name: str
    on: str | list[str] = "*"
    steps: Annotated[list[Step], Field(min_length=1)]
    limit: Annotated[int, Field(ge=1, le=9)] = 1
    strict: bool = False
    count: StrictInt = 0
    with_: dict[str, str] = Field(default_factory=dict, alias="with")
    verify: Annotated[Hmac | Basic, Field(discriminator="type")] | None = None
    sub: Step | list[Step] | None = None

    @model_validator(mode="after")
    def _no_bad_name(self) -> "Rule":
        if self.name == "bad":
            raise ValueError("this name is taken")
        return self


def findings_of(text: str, *, at: Path = (), **more: Any) -> list[Finding]:
    loaded = parse_yaml(text, "f")
    assert loaded.document is not None
    document: Document = loaded.document
    data: Any = resolve_variables(document, {}, base_dir=FilePath("/nowhere")).data
    for part in at:
        data = data[part]
    try:
        Rule.model_validate(data)
    except ValidationError as error:
        return from_validation_error(document, error, model=Rule, at=at, **more)
    return []


def told(text: str, **more: Any) -> list[str]:
    return [f"{finding.place} {finding.code} {finding.message}" for finding in findings_of(text, **more)]


GOOD = "name: x\nsteps: [{use: a.b}]\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("limit: abc", "f:3:8 BR104 `limit` must be a whole number"),
        ("limit: 1.5", "f:3:8 BR104 `limit` must be a whole number"),
        ("limit: 0", "f:3:8 BR104 `limit` must be at least 1"),
        ("limit: 10", "f:3:8 BR104 `limit` must be at most 9"),
        ("strict: perhaps", "f:3:9 BR104 `strict` must be `true` or `false`"),
        ("count: '1'", "f:3:8 BR104 `count` must be a whole number"),
        ("with: []", "f:3:7 BR104 `with` must be a mapping"),
        ("with: {a: 1}", "f:3:11 BR104 `with.a` must be text"),
        ("on: 7", "f:3:5 BR104 `on` must be text or a list"),
        ("on: [a, {b: c}]", "f:3:9 BR104 `on[1]` must be text"),
        ("verify: {secrets: []}", "f:3:1 BR101 key `type` is missing in `verify`"),
        ("verify: {type: hmca}", "f:3:16 BR104 `verify.type` must be one of `hmac`, `basic`"),
        ("verify: {type: basic, usr: x}", "f:3:23 BR102 unknown key `usr` in `verify`"),
        ("verify: {type: hmac}", "f:3:1 BR101 key `secrets` is missing in `verify`"),
        (
            "verify: {type: hmac, secrets: [a], algorithm: sha1}",
            "f:3:47 BR104 `verify.algorithm` must be one of `sha256`, `sha512`",
        ),
        ("sub: text", "f:3:6 BR104 `sub` must be a mapping or a list"),
        ("sub: {use: 3}", "f:3:12 BR104 `sub.use` must be text"),
        ("sub: [{us: a}]", "f:3:8 BR102 unknown key `us` in `sub[0]`"),
    ],
)
def test_one_mistake_gives_one_finding_in_the_words_of_the_file(line: str, expected: str) -> None:
    assert told(GOOD + line + "\n") == [expected]


def test_an_unknown_key_and_the_missing_key_it_was_meant_to_be_are_one_finding() -> None:
    (finding,) = findings_of("nam: x\nsteps: [{use: a.b}]\n")
    assert (finding.message, finding.helps) == (
        "unknown key `nam` in the top level",
        ("a key with a similar name exists: `name`",),
    )


def test_an_unknown_key_without_a_near_name_lists_what_is_known() -> None:
    (finding,) = findings_of("name: x\nsteps: [{use: a.b, zzzzz: 1}]\n")
    assert (finding.helps, finding.notes) == ((), ("keys known here: `if`, `timeout`, `use`",))


def test_a_missing_key_is_shown_at_its_parent() -> None:
    assert told("steps:\n  - timeout: 5s\n") == [
        "f:1:1 BR101 key `name` is missing in the top level",
        "f:2:5 BR101 key `use` is missing in `steps[0]`",
    ]


def test_missing_keys_stand_in_one_order_always() -> None:
    names = [f"key{number}" for number in range(20)]
    fields: dict[str, Any] = dict.fromkeys(names, (str, ...))
    model = create_model("Many", **fields)
    with pytest.raises(ValidationError) as caught:
        model.model_validate({})
    found = from_validation_error(parse_yaml("{}", "f").document, caught.value, model=model)
    assert [each.message.split("`")[1] for each in found] == names


def test_a_duration_without_unit_asks_for_it() -> None:
    (finding,) = findings_of("name: x\nsteps: [{use: a.b, timeout: 10}]\n")
    assert (finding.code, finding.message, finding.label) == ("BR110", "a duration needs a unit", "`10` what?")
    assert finding.helps == ("write `10s` for 10 seconds; units are ms, s, m, h, d",)


def test_a_problem_of_ours_keeps_its_code_help_and_place_inside_the_text() -> None:
    (finding,) = findings_of('name: x\nsteps:\n  - {use: a.b, if: "a\\tb = c"}\n')
    assert (finding.code, finding.label, finding.helps) == ("BR120", "comparison is `==`", ("write `==`",))
    assert str(finding.place) == "f:3:26"


def test_a_plain_value_error_keeps_its_text() -> None:
    assert told("name: bad\nsteps: [{use: a.b}]\n") == ["f:1:1 BR104 this name is taken"]


def test_the_top_of_a_file_must_be_a_mapping() -> None:
    assert told("- a\n") == ["f:1:1 BR104 this file must be a mapping"]


def test_data_from_the_middle_of_a_file_keeps_its_places() -> None:
    assert told("rules:\n  - name: x\n    steps: []\n", at=("rules", 0)) == [
        "f:3:12 BR104 `rules[0].steps` must have at least 1 entry"
    ]


def test_a_value_from_elsewhere_is_shown_there() -> None:
    found = told(GOOD + "limit: 0\n", elsewhere={("limit",): "environment variable BRIDGE_LIMIT"})
    assert found == ["environment variable BRIDGE_LIMIT BR104 `limit` must be at least 1"]


def test_a_value_whose_variable_is_missing_is_not_reported_again() -> None:
    assert told(GOOD + "limit: ${LIMIT}\n") == []


def test_without_a_file_the_place_is_the_default() -> None:
    with pytest.raises(ValidationError) as caught:
        Rule.model_validate({"name": "x", "steps": []})
    found = from_validation_error(None, caught.value, model=Rule)
    assert [str(finding.place) for finding in found] == ["default"]


def test_no_finding_repeats_a_value() -> None:
    text = f"name: [{ERP_TOKEN}]\nsteps: [{{use: a.b, timeout: {ERP_TOKEN}}}]\n"
    text += f"limit: {ERP_TOKEN}\non: {{a: {ERP_TOKEN}}}\n"
    assert len(findings_of(text)) == 4
    assert ERP_TOKEN not in repr(findings_of(text))


def test_findings_never_use_the_words_of_python() -> None:
    text = "name: 1\nsteps: {}\nlimit: []\nstrict: {}\nwith: x\nverify: 3\nsub: 1\non: 2\ncount: null\n"
    words = " ".join(f"{finding.message} {finding.label} {finding.helps}" for finding in findings_of(text))
    for word in ("str", "int", "dict", "bool", "list[", "model", "Input", "None", "instance"):
        assert f" {word}" not in words
