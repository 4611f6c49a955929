from bridge.diagnostics import Finding, Place, Severity, Span, render
from bridge.diagnostics.annotations import annotation

HERE = Place("config/rules, old.yaml", Span(3, 5, 3, 9))


def finding(**changes: object) -> Finding:
    given: dict[str, object] = {
        "code": "BR102",
        "severity": Severity.ERROR,
        "message": "unknown key `a`",
        "place": HERE,
    }
    return Finding(**{**given, **changes})  # type: ignore[arg-type]  # a test's shorthand


def test_a_finding_is_one_workflow_command_with_its_place() -> None:
    assert annotation(finding()) == (
        "::error file=config/rules%2C old.yaml,line=3,col=5,endLine=3,endColumn=9,title=BR102::unknown key `a`"
    )


def test_what_helps_follows_as_lines_of_the_same_command() -> None:
    other = (Place("b.yaml", Span(1, 1, 1, 2)), "first used here")
    said = annotation(finding(label="not known", notes=("rule `a`",), helps=("did you mean `b`?",), related=(other,)))

    assert said.partition("::unknown")[2] == (
        " key `a` (not known)%0Afirst used here: b.yaml:1:1%0Anote: rule `a`%0Ahelp: did you mean `b`?"
    )


def test_nothing_in_a_finding_can_end_its_command_or_begin_another() -> None:
    said = annotation(finding(message="100%\r\n::set-env name=A::b\x1b[31m", helps=("a\n::error::b",)))

    assert said.count("\n") == said.count("\r") == said.count("\x1b") == 0
    assert said.startswith("::error ")
    assert "100%25" in said
    assert said.endswith("%0Ahelp: a\\u{a}::error::b")


def test_a_colon_in_a_file_name_does_not_end_the_properties() -> None:
    said = annotation(finding(place=Place("C:\\rules:1%.yaml", Span(1, 1, 1, 2))))

    assert said.startswith("::error file=C%3A\\rules%3A1%25.yaml,line=1,")


def test_a_place_over_several_lines_has_no_end_column() -> None:
    said = annotation(finding(place=Place("a.yaml", Span(1, 3, 4, 2)), severity=Severity.WARNING))

    assert said.startswith("::warning file=a.yaml,line=1,col=3,endLine=4,title=BR102::")


def test_a_place_that_is_no_file_is_said_in_words() -> None:
    said = annotation(finding(place=Place("environment variable BRIDGE_STORE__URL")))

    assert said == "::error title=BR102::environment variable BRIDGE_STORE__URL: unknown key `a`"


def test_the_annotations_are_in_order_and_one_summary_ends_them() -> None:
    later, earlier = finding(place=Place("a.yaml", Span(9, 1, 9, 2))), finding(place=Place("a.yaml", Span(1, 1, 1, 2)))
    lines = render([later, earlier], {}, "github", color=True).splitlines()

    assert [line[:26] for line in lines[:2]] == ["::error file=a.yaml,line=1", "::error file=a.yaml,line=9"]
    assert lines[2].endswith("2 errors · `crm-bridge check --explain CODE` tells more")
    assert len(lines) == 3
