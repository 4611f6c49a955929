"""The `sources` of a new configuration: what each preset's own set-up steps write, with dummies for what they need."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from bridge.cli.senders import shipped_preset
from bridge.rules.testing.writing import flow
from bridge.sources import Preset, SampleEvent, load_preset
from bridge.sources.describe import entry
from bridge.sources.proofs.public_key import Ed25519Scheme
from bridge.sources.scheme import alternatives

FILE = re.compile(r"\$\{file:([^}]+)\}")
VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_REMARKS = {
    "public_url": "yours, exactly as entered at the sender",
    "verify_token": "a word of your choice, entered at the sender too",
}
_DUMMY_ED25519 = "MCowBQYDK2VwAyEAY3EjxDlunCIXPgNcD94rFZFVyNm60HPyAnJ/0sEvQX0="
_DUMMY_RSA = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAx5iVj3VHG+p44SKHfAgOxE0JivlU0VqSfzg1LEtrWq2UOAAisnYqDPTRTkpeX9Gz8P8p"
    "rWXIqrzqZLg/ICsI0dSqe8bU2rFfcLWfEqKd9tfLFaZ7uhlSvcUNx6CvlmWLF8jl9INDZGaFkZ2Rqrb9vS1ADbqzvobomJIFKHT2NixuG7+QVzEh"
    "4epnFU0J+JErxX5dP9jEuH4wNh1XHCqRJuwXw7xABIaE5twAXKJIk4ofNCU0YCQm/etMiHwUcNXv71kr77bIAV+eByWYPzUgsOQSrteB+DEJzG4Y"
    "R+Eddy9NxuNkYiac5UznnUYMfnYY0IEZAjmfg78zYQzQZ9PIKQIDAQAB"
)
"""Real keys whose private halves were never written down: nothing can be signed for them. DER in base64."""
_ED25519_BYTES = 32


@dataclass(frozen=True, slots=True)
class Example:
    """A body that a source may send, and the headers that say something about it."""

    body: object
    headers: Mapping[str, str] = field(default_factory=dict)


def source_entry(name: str) -> str:
    """A source's entry in the configuration, indented, for the preset of the same name."""
    lines = [
        f"  {name}:                        # POST /hooks/{name}; `crm-bridge sources {name}` says how to connect it"
    ]
    for key, value in _written(name).items():
        remark = f"  # {_REMARKS[key]}" if key in _REMARKS else ""
        lines.append(f"    {key}: {flow(value)}{remark}")
    return "\n".join(lines) + "\n"


def source_dummies(name: str) -> dict[str, str]:
    """The variables of a source's entry -> dummies of the right kind."""
    return {
        variable: _dummy(shipped_preset(name), key, variable)
        for key, text in _texts(name)
        for variable in VARIABLE.findall(text)
    }


def source_files(name: str) -> dict[str, str]:
    """The files that a source's entry names -> dummies of the right kind."""
    return {path: _dummy(shipped_preset(name), key, path) for key, text in _texts(name) for path in FILE.findall(text)}


def source_examples(name: str) -> dict[str, Example]:
    """The preset's samples by name."""
    return {sample.name: Example(_body(sample), sample.headers) for sample in shipped_preset(name).samples}


def is_signed_by_key_pair(name: str) -> bool:
    """Whether only the sender can sign, so that no sample can be posted here."""
    return "public_key" in _written(name)


def made_up(what: str) -> str:
    """Long and odd enough to be taken for a secret, and the same each time."""
    return f"dummy-{hashlib.sha256(what.encode()).hexdigest()[:16]}"


def _written(name: str) -> Mapping[str, object]:
    found = entry(load_preset(name).written).get(name)
    if not isinstance(found, Mapping):
        raise TypeError(f"the set-up steps of the shipped preset {name} do not write its source")
    return found


def _texts(name: str) -> Iterator[tuple[str, str]]:
    """(key, text) of everything that may hold variables."""
    for key, value in _written(name).items():
        yield key, str(value)


def _dummy(preset: Preset, key: str, what: str) -> str:
    schemes = alternatives(preset.verify) if preset.verify is not None else ()
    scheme = schemes[0] if schemes else None
    form = getattr(scheme, "key", "text")
    if key == "public_key":
        return _public_key(form, is_ed25519=isinstance(scheme, Ed25519Scheme))
    if key == "secret" and form != "text":
        return hashlib.sha256(what.encode()).hexdigest()  # hexadecimal digits that are base64 as well
    return made_up(what)


def _public_key(form: str, *, is_ed25519: bool) -> str:
    der = base64.b64decode(_DUMMY_ED25519 if is_ed25519 else _DUMMY_RSA)
    if form in {"text", "pem"}:
        lines = re.findall(".{1,64}", base64.b64encode(der).decode())
        return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])
    key = der[-_ED25519_BYTES:] if is_ed25519 else der
    return key.hex() if form == "hex" else base64.b64encode(key).decode()


def _body(sample: SampleEvent) -> object:
    """The body as a file of JSON or a test says it: form fields as an object, unless a name stands there twice."""
    if sample.text is not None:
        return sample.text
    if sample.form is None:
        return sample.body
    if not isinstance(sample.form, str):
        return sample.form
    pairs = parse_qsl(sample.form, keep_blank_values=True)
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else sample.form
