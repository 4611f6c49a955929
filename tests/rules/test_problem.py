from bridge.rules.problem import did_you_mean, listed


def test_names_are_listed_in_order_and_the_nearest_is_offered() -> None:
    assert listed(["b", "a"]) == "`a`, `b`"
    assert did_you_mean("usr", ["user", "ticket"], "links.") == ("did you mean `links.user`?",)
    assert did_you_mean("zzzzzz", ["user"]) == ()
