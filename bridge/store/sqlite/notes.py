"""Notes and audit: small values that survive a restart, and what people had the bridge do."""

from collections.abc import Mapping, Sequence

from bridge.model import AuditEntry
from bridge.store.sqlite.rows import shown
from bridge.store.sqlite.session import Session, Transaction, dump


def write(tx: Transaction, notes: Sequence[Mapping[str, object | None]]) -> list[None]:
    """Write, or with None remove, the notes of several callers; the last word on a name counts."""
    last: dict[str, object | None] = {}
    for some in notes:
        last.update(some)
    tx.write_rows("write_notes", [(name, dump(value)) for name, value in last.items() if value is not None])
    for name, value in last.items():
        if value is None:
            tx.write("delete_note", (name,))
    return [None] * len(notes)


def read(session: Session, prefix: str) -> Mapping[str, object]:
    """The notes whose names begin with `prefix`; one that is damaged is left out."""
    found = {row["name"]: shown(row["value"], None) for row in session.all("list_notes", {"prefix": prefix})}
    return {name: value for name, value in found.items() if value is not None}


def audit(session: Session, limit: int) -> list[AuditEntry]:
    """What people had the bridge do, newest first."""
    rows = session.all("list_audit", (limit,))
    return [AuditEntry(row["at_ms"], row["action"], shown(row["detail"], {})) for row in rows]
