"""The charsets in which a form or a text may be written: a closed list, so that no request picks a codec of Python's.

JSON is not among what may choose: it is UTF-8 (RFC 8259).
"""

from collections.abc import Mapping

from bridge.sources.strict_json import Unreadable, check_text

UTF_8 = "utf-8"
OF_JSON = frozenset({UTF_8, "ascii"})
"""What JSON may declare: every ASCII text is one in UTF-8."""

# Labels as senders write them -> Python's codec. `iso-8859-1` is what it says, and not windows-1252 as in browsers;
# both read every printable character of ISO 8859-1 alike.
_CODECS: Mapping[str, str] = {
    "utf-8": UTF_8,
    "utf8": UTF_8,
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "latin-1": "iso-8859-1",
    "iso-8859-2": "iso-8859-2",
    "iso-8859-15": "iso-8859-15",
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "windows-1252": "cp1252",
    "koi8-r": "koi8-r",
    "shift_jis": "shift_jis",
    "iso-2022-jp": "iso-2022-jp",
    "euc-jp": "euc-jp",
    "euc-kr": "euc-kr",
    "gb2312": "gb2312",
    "gbk": "gbk",
    "gb18030": "gb18030",
    "big5": "big5",
}
CHARSETS = tuple(name for name in _CODECS if name not in {"utf8", "ascii", "latin1", "latin-1"})
"""The names that are documented; the others are their common misspellings."""


def codec_of(label: str) -> str | None:
    """Python's name for a charset that a sender declares, None for one that is not taken."""
    return _CODECS.get(label.strip().strip('"').lower())


def decoded(raw: bytes, codec: str, noun: str) -> str:
    """The text of bytes, which every store and JSON writer can hold.

    Args:
        raw: the bytes.
        codec: as `codec_of` gives it.
        noun: what the bytes are, for the reason: `the form`, `a field of the form`.

    Raises:
        Unreadable: the bytes are not of this charset, or hold U+0000.
    """
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError:
        reason = not_of(codec, noun)
    else:
        check_text(text, noun)
        return text
    raise Unreadable(reason)  # outside the handler: the decoder's error holds the bytes


def not_of(codec: str, noun: str) -> str:
    """The reason to refuse bytes that are not of a charset."""
    return f"{noun} is not UTF-8" if codec == UTF_8 else f"{noun} is not written in the charset that it declares"
