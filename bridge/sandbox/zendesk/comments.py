"""What Zendesk makes of the text of a comment, and the comments and audits of a ticket as it shows them."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.zendesk.moments import moment
from bridge.sandbox.zendesk.refusals import invalid_attribute, invalid_record
from bridge.sandbox.zendesk.uploads import Attachment, Uploads
from bridge.sandbox.zendesk.users import User, Users

MAX_BODY_BYTES = 65_536
_TAG = re.compile(r"<[^<>]*>")
_SPACES = re.compile(r"[ \t]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_PLACEHOLDER = re.compile(r"<code>\{\{.*?\}\}</code>|(\\)?\{\{\s*([\w.]*)\s*\}\}")
_VIA = {"channel": "api", "source": {"from": {}, "to": {}, "rel": None}}


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment as stored: `body` is plain, `html_body` is what agents see."""

    id: int
    audit_id: int
    author: User
    body: str
    html_body: str
    public: bool
    created_at_ms: int
    metadata: Mapping[str, Any]
    attachments: Sequence[Attachment] = ()

    def shown(self, root: str = "") -> dict[str, Any]:
        """The comment as the comments API lists it."""
        return {
            "id": self.id,
            "type": "Comment",
            "author_id": self.author.id,
            "body": self.body,
            "html_body": self.html_body,
            "plain_body": self.body,
            "public": self.public,
            "attachments": [file.shown(root) for file in self.attachments],
            "audit_id": self.audit_id,
            "via": _VIA,
            "created_at": moment(self.created_at_ms),
            "metadata": {"system": {}, "custom": dict(self.metadata)},
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """One change of a ticket: its events, and what the writer attached as `metadata`."""

    id: int
    ticket_id: int
    author_id: int
    created_at_ms: int
    events: list[dict[str, Any]]
    metadata: Mapping[str, Any]

    def shown(self) -> dict[str, Any]:
        """The audit as the audits API lists it."""
        return {
            "id": self.id,
            "ticket_id": self.ticket_id,
            "created_at": moment(self.created_at_ms),
            "author_id": self.author_id,
            "metadata": {"system": {}, "custom": dict(self.metadata)},
            "events": self.events,
            "via": _VIA,
        }


@dataclass(frozen=True, slots=True)
class CommentText:
    """A comment that passed the checks and is not stored yet."""

    author: User
    body: str
    html_body: str
    public: bool
    attachments: Sequence[Attachment] = ()
    created_at_ms: int | None = None
    """Only an import may say when it was written."""


def read_comment(
    wanted: Any,
    users: Users,
    default_author: User,
    placeholders: Mapping[str, str],
    uploads: Uploads | None = None,
) -> CommentText:
    """The comment of a create or update, as Zendesk will keep it.

    Text over 64 KiB is cut without a word, runs of blanks shrink, and placeholders that an agent wrote are filled
    in (facts, section 2.6).

    Raises:
        Refused: 400 for the shape, 422 for an empty text or an unknown author.
    """
    if not isinstance(wanted, dict):
        raise invalid_attribute("comment", "an object")
    author = default_author if wanted.get("author_id") is None else users.find(wanted["author_id"])
    if author is None:
        raise invalid_record("author", "Author: is not an existing user", "InvalidValue")
    marked_up = isinstance(wanted.get("html_body"), str)
    text = wanted.get("html_body") if marked_up else wanted.get("body", wanted.get("value"))
    if not isinstance(text, str) or not text.strip():
        raise invalid_record("base", "Description: cannot be blank", "BlankValue")
    text = _cut(text)
    if author.is_agent:
        text = _filled(text, placeholders)
    body = _plain(text)
    html_body = text if marked_up else f"<p>{html.escape(body)}</p>"
    files = uploads.take(wanted["uploads"]) if uploads is not None and wanted.get("uploads") else ()
    return CommentText(author, body, html_body, bool(wanted.get("public", True)), files)


def _cut(text: str) -> str:
    """At most 65,536 bytes of UTF-8, never half a character."""
    return text.encode()[:MAX_BODY_BYTES].decode(errors="ignore")


def _plain(text: str) -> str:
    without_tags = html.unescape(_TAG.sub("", text))
    return _BLANK_LINES.sub("\n\n", _SPACES.sub(" ", without_tags)).strip()


def _filled(text: str, placeholders: Mapping[str, str]) -> str:
    def fill(match: re.Match[str]) -> str:
        if match[2] is None:
            return match[0]  # what stands in code tags stays
        return match[0][1:] if match[1] else placeholders.get(match[2], "")

    return _PLACEHOLDER.sub(fill, text)
