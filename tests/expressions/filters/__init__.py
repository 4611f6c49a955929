"""Tests of the filters, and what they share."""

import pytest

from bridge.expressions import RenderError, compile_template


def applied(filters: str, value: object, **tables: dict[str, object]) -> object:
    """What `{{ x | filters }}` gives for a value."""
    return compile_template("{{ x | " + filters + " }}", tables=tables).render({"x": value})


def refusal(filters: str, value: object, **tables: dict[str, object]) -> RenderError:
    """The error that `{{ x | filters }}` raises for a value."""
    with pytest.raises(RenderError) as caught:
        applied(filters, value, **tables)
    assert caught.value.name == "x"
    return caught.value
