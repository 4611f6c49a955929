"""`crm-bridge audit`: what people decided."""

from bridge.cli.consoles import ask
from bridge.cli.options import ConfigOption, EnvFileOption, JsonOption, LimitOption, locate
from bridge.cli.output import print_rows
from bridge.engine.console import Query, Rows

COLUMNS = {"at": "when", "by": "who", "action": "what", "about": "about"}


def audit(
    limit: LimitOption = 50, config: ConfigOption = None, env_file: EnvFileOption = None, json: JsonOption = False
) -> None:
    """List what people decided, newest first: who, what, how many, with what result."""
    rows = ask(locate(config, env_file), lambda console: console.audit(Query(limit=limit)))
    if not json:
        about = [{name: value for name, value in row.items() if name not in {*COLUMNS, "before"}} for row in rows]
        rows = Rows([{**row, "about": each} for row, each in zip(rows, about, strict=True)], more=rows.more)
    print_rows(rows, COLUMNS, nothing="nobody decided anything yet", json=json, whole={"at", "action"})
