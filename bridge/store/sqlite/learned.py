"""Secrets that senders brought, and the windows in which they are taken."""

import hmac
import sqlite3
from collections.abc import Collection, Mapping

from bridge.store.secrets import LEARNED_BY, Learned, LearnedSecret, Learning
from bridge.store.sqlite.session import Session, Transaction, dump


def learned(session: Session) -> Mapping[str, Learned]:
    """By source, its secrets, newest first, and its window."""
    secrets: dict[str, list[LearnedSecret]] = {}
    for row in session.all("list_secrets"):
        secrets.setdefault(row["source"], []).append(_secret(row))
    windows = {row["source"]: int(row["closes_at_ms"]) for row in session.all("list_secret_windows")}
    names = sorted(secrets.keys() | windows.keys())
    return {name: Learned(tuple(secrets.get(name, ())), windows.get(name)) for name in names}


def open_window(tx: Transaction, source: str, closes_at_ms: int | None) -> None:
    """Open a window, or close it."""
    if closes_at_ms is None:
        tx.write("close_secret_window", (source,))
    else:
        tx.write("open_secret_window", (source, closes_at_ms))


def learn(tx: Transaction, source: str, secret: str, *, now_ms: int, most: int) -> Learning:
    """Keep a secret if the window is open; see `SecretStore.learn`."""
    kept = tx.all("secrets_of", (source,))
    given = secret.encode()
    if any([hmac.compare_digest(given, str(row["secret"]).encode()) for row in kept]):  # noqa: C419 - no early exit
        return Learning.KNOWN
    window = tx.one("secret_window_of", (source,))
    if window is None or window["closes_at_ms"] <= now_ms:
        return Learning.CLOSED
    if len(kept) >= most:
        return Learning.FULL
    number = tx.insert("insert_secret", (source, secret, now_ms))
    tx.write("close_secret_window", (source,))
    detail = {"by": LEARNED_BY, "source": source, "number": number}
    tx.write("write_audit", (now_ms, "secrets.learn", dump(detail)))
    return Learning.LEARNED


def show(tx: Transaction, source: str, *, now_ms: int) -> LearnedSecret | None:
    """The newest secret as it was before it is marked as shown."""
    row = tx.one("secrets_of", (source,))
    if row is None:
        return None
    tx.write("mark_shown", (now_ms, row["number"]))
    return _secret(row)


def retire(tx: Transaction, source: str, numbers: Collection[int]) -> int:
    """Forget secrets of a source; how many there were."""
    return sum(tx.write("delete_secret", (source, number)) for number in numbers)


def _secret(row: sqlite3.Row) -> LearnedSecret:
    return LearnedSecret(row["number"], row["secret"], row["learned_at_ms"], row["shown_at_ms"])
