"""How the way to a value is written in a message: `destinations.erp.auth.token`, `rules[0].steps[1]`."""

from bridge.diagnostics.document import Path


def dotted(path: Path) -> str:
    """The path in the spelling of templates; empty for the top."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def inside(path: Path) -> str:
    """`in ...` for a message: "`rules[0]`", or "the top level"."""
    return f"`{dotted(path)}`" if path else "the top level"
