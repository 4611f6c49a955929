from bridge.diagnostics import dotted
from bridge.diagnostics.paths import inside


def test_a_path_reads_like_a_template() -> None:
    assert dotted(("rules", 0, "steps", 1, "use")) == "rules[0].steps[1].use"
    assert dotted(()) == ""


def test_the_top_has_a_name_of_its_own() -> None:
    assert inside(()) == "the top level"
    assert inside(("a", "b")) == "`a.b`"
