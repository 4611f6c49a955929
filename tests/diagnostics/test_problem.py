from bridge.diagnostics import problem


def test_a_problem_reads_as_its_headline_whatever_braces_it_has() -> None:
    assert problem("`{{ x }}` is no {code}").message() == "`{{ x }}` is no {code}"


def test_a_problem_carries_what_a_finding_needs() -> None:
    context = problem("no", code="BR120", label="l", help="h", note="n", offset=3, length=2).context
    assert context == {
        "headline": "no", "code": "BR120", "label": "l", "help": "h", "note": "n", "offset": 3, "length": 2,
    }  # fmt: skip
