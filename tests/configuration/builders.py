"""A small configuration that is right, to be broken by tests, and its findings as a person reads them."""

from collections.abc import Mapping
from pathlib import Path

from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.diagnostics import render
from tests.canaries import AISOULE_SECRET, ERP_TOKEN, HUBSPOT_TOKEN, ZENDESK_SECRET

ENVIRON = {
    "AISOULE_WEBHOOK_SECRET": AISOULE_SECRET,
    "HUBSPOT_TOKEN": HUBSPOT_TOKEN,
    "ZENDESK_CLIENT_SECRET": ZENDESK_SECRET,
    "ERP_TOKEN": ERP_TOKEN,
}

CONFIG = """\
version: 1
sources:
  aisoule: {preset: aisoule, secret: "${AISOULE_WEBHOOK_SECRET}"}
destinations:
  hubspot: {connector: hubspot, token: "${HUBSPOT_TOKEN}"}
  erp: {connector: http, base_url: "https://erp.example.com", auth: {type: bearer, token: "${ERP_TOKEN}"}}
rules: rules.yaml
"""

RULES = """\
rules:
  - name: log
    on: aisoule/message.received
    key: "{{ fields.customer | person }}"
    steps:
      - id: post
        use: erp.post
        with: {path: /messages, json: {text: "{{ fields.text }}"}}
"""


def load(folder: Path, files: Mapping[str, str], environ: Mapping[str, str] | None = None) -> LoadedConfiguration:
    """Write the files (`config.yaml` and `rules.yaml` are there unless given) and load the configuration."""
    for name, text in {"config.yaml": CONFIG, "rules.yaml": RULES, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    return load_configuration(folder / "config.yaml", ENVIRON if environ is None else environ)


def lines(loaded: LoadedConfiguration) -> list[str]:
    """One line for each finding: `file:line:col: code message; help`."""
    return render(loaded.findings, loaded.documents, "concise", color=False).splitlines()[:-1]


def full(loaded: LoadedConfiguration) -> str:
    """Everything that `check` prints."""
    return render(loaded.findings, loaded.documents, "full", color=False)


def swap(text: str, old: str, new: str) -> str:
    """The text with one thing changed; that it is there is part of the test."""
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new)
