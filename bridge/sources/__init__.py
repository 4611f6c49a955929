"""Inbound: verify a request over its raw bytes, read it strictly, and make events of it.

Pure apart from `library`, which reads preset files: no network, no store, no clock. The parts:

- `places`, `presented`, `proofs`, `scheme`, `verify`, `sign`: how a request proves its sender; `verify(scheme,
  headers=…, query=…, body=…, now_ms=…)` is a documented function of its own.
- `entrusting`, `assembly`: what the operator gives, laid into a scheme and a preset.
- `schema`, `library`: the YAML of a source and of a preset; `describe`: what a preset says, in words.
- `Source`: one compiled source; `receive` gives events or a refusal, `scope` what templates see of an event.
- `handshake`, `handshake_reading`, `handshake_answers`, `meet`: what a sender asks of the address besides.
"""

from bridge.sources.answers import Received, Refused
from bridge.sources.handshake_answers import Reaction
from bridge.sources.library import (
    LoadedPreset,
    load_preset,
    load_preset_file,
    place_of,
    preset_names,
    shipped_heads,
    speaks_of,
    where_to_look,
)
from bridge.sources.meeting import meet
from bridge.sources.problems import SourceProblem, SourceRefused, SourceWarning
from bridge.sources.proofs.keyed_hash import HmacScheme
from bridge.sources.proofs.private_key import OnlyTheSender, PrivateKeyNeeded, SecretNeeded
from bridge.sources.reactions import Called, Learn, Reply
from bridge.sources.rehearsal import rehearse
from bridge.sources.schema import AnswerText, Preset, RequestLimit, SampleEvent, SourceConfig
from bridge.sources.scheme import AnyOf, AnyScheme, EveryOf, NoVerification, parse_verification
from bridge.sources.sign import SignedRequest, sign, signs_time
from bridge.sources.source import SCOPE_NAMES, Source
from bridge.sources.splitting import parents_of
from bridge.sources.strict_json import Unreadable, parse_json
from bridge.sources.verdict import Reason, Verdict
from bridge.sources.verify import verify

__all__ = [
    "SCOPE_NAMES",
    "AnswerText",
    "AnyOf",
    "AnyScheme",
    "Called",
    "EveryOf",
    "HmacScheme",
    "Learn",
    "LoadedPreset",
    "NoVerification",
    "OnlyTheSender",
    "Preset",
    "PrivateKeyNeeded",
    "Reaction",
    "Reason",
    "Received",
    "Refused",
    "Reply",
    "RequestLimit",
    "SampleEvent",
    "SecretNeeded",
    "SignedRequest",
    "Source",
    "SourceConfig",
    "SourceProblem",
    "SourceRefused",
    "SourceWarning",
    "Unreadable",
    "Verdict",
    "load_preset",
    "load_preset_file",
    "meet",
    "parents_of",
    "parse_json",
    "parse_verification",
    "place_of",
    "preset_names",
    "rehearse",
    "shipped_heads",
    "sign",
    "signs_time",
    "speaks_of",
    "verify",
    "where_to_look",
]
