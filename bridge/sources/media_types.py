"""What a request says about its body: the Content-Type header, taken apart."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from multipart import parse_options_header

from bridge.sources.charsets import UTF_8, codec_of

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
JSON_LINES = "application/x-ndjson"

LINES = frozenset(
    {JSON_LINES, "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-lines"}
)


@dataclass(frozen=True, slots=True)
class MediaType:
    """`type/subtype` in lower case, the codec of the declared charset (UTF-8 if none), the boundary of a multipart."""

    essence: str
    codec: str = UTF_8
    boundary: str = ""

    @classmethod
    def parse(cls, value: str) -> Self | None:
        """Take a header's value apart; None when it names a charset that is not taken, or two of them."""
        essence, *parameters = (part.strip() for part in value.split(";"))
        labels = [label for name, _, label in (each.partition("=") for each in parameters) if name.lower() == "charset"]
        codecs = {codec_of(label) for label in labels} or {UTF_8}
        codec = codecs.pop()
        if codec is None or codecs:
            return None
        boundary = parse_options_header(value)[1].get("boundary", "") if essence.lower() == MULTIPART else ""
        return cls(essence.lower(), codec, boundary)

    @property
    def is_json(self) -> bool:
        """`application/json` under any of its names."""
        return self.essence == JSON or (self.essence.startswith("application/") and self.essence.endswith("+json"))

    @property
    def is_text(self) -> bool:
        """`text/plain` and its kin."""
        return self.essence.startswith("text/")


@lru_cache(maxsize=256)
def media_type_of(value: str) -> MediaType | None:
    """`MediaType.parse`, remembered: a sender writes the same one each time."""
    return MediaType.parse(value)
