"""Rule tests as people write them, tried on a small configuration."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent, indent

from bridge.cli.rule_tests import Configurations, Tried, places_of, try_file
from bridge.configuration.rule_tests import read_tests
from bridge.diagnostics import render
from bridge.rules.testing.render import failed_lines
from bridge.rules.testing.results import CaseResult, Failure
from tests.configuration.builders import ENVIRON

CONFIG = """\
version: 1
sources:
  aisoule: {preset: aisoule, secret: "${AISOULE_WEBHOOK_SECRET}"}
  shop:
    verify: {type: none}
    split: orders
    event: {type: "{{ body.kind }}", id: "{{ body.id }}", time: "{{ body.at | default(none) }}"}
destinations:
  erp:
    connector: http
    base_url: "https://erp.example.com"
    auth: {type: bearer, token: "${ERP_TOKEN}"}
    retry: {schedule: [10s, 1m], horizon: 10m}
  zendesk: {connector: zendesk, subdomain: acme, client_id: a, client_secret: "${ZENDESK_CLIENT_SECRET}"}
rules: rules.yaml
"""

RULES = """\
rules:
  - name: log
    on: aisoule/message.received
    if: fields.kind == "text"
    key: "{{ fields.customer | person }}"
    vars: {shout: "{{ fields.text | upper }}"}
    recall: {entry: "{{ fields.customer | person }}"}
    steps:
      - id: look
        if: links.entry
        use: erp.get
        with: {path: "/entries/{{ links.entry }}"}
      - id: post
        use: erp.post
        with:
          path: "/entries"
          query: {by: "{{ fields.customer }}"}
          json: {text: "{{ vars.shout }}", count: "{{ fields.text | length }}", tags: [a, b]}
        remember: {entry: "{{ fields.customer | person }}"}
"""

PHONE = "918856879188"
MESSAGE = f"{{event: message.received, data: {{message_id: m1, sender: '{PHONE}', type: text, body: Hello}}}}"
POSTED = "{method: POST, path: /entries}"


def trial(tests: str, *, rules: str = RULES, config: str = CONFIG, files: Mapping[str, str] | None = None) -> Tried:
    """Try the tests of a text; `MESSAGE` and `POSTED` in it stand for what they say."""
    text = dedent(tests).replace("MESSAGE", MESSAGE).replace("POSTED", POSTED)
    with TemporaryDirectory() as folder:
        for name, content in {"config.yaml": config, "rules.yaml": rules, "a.test.yaml": text, **(files or {})}.items():
            path = Path(folder) / name
            path.write_text(content)
            path.chmod(0o600)
        file = read_tests(Path(folder) / "a.test.yaml", ENVIRON)
        tried = try_file(file, Configurations(Path(folder) / "config.yaml", ENVIRON))
        assert tried.loaded.configuration is not None, [found.message for found in tried.loaded.findings]
        return tried


def results(tests: str, **more: object) -> list[CaseResult]:
    """The results of tests that are well formed."""
    tried = trial(tests, **more)  # type: ignore[arg-type]  # as `trial` takes them
    assert not tried.file.findings, lines(tried)
    return tried.results


def one(test: str, **more: object) -> CaseResult:
    """The result of one test, given without its `tests:` and name."""
    text = indent(dedent(test).strip("\n"), "    ")
    [result] = results(f"tests:\n  - name: one\n{text}\n", **more)
    return result


def failures(test: str, **more: object) -> list[Failure]:
    """What is wrong in one test."""
    return list(one(test, **more).failures)


def passes(test: str, **more: object) -> None:
    """One test passes."""
    result = one(test, **more)
    assert result.passed, result.failures


def shown(tests: str, **more: object) -> str:
    """What a person reads about the first failed test; folders of the machine taken out."""
    tried = trial(tests, **more)  # type: ignore[arg-type]  # as `trial` takes them
    assert not tried.file.findings, lines(tried)
    failed = next(result for result in tried.results if not result.passed)
    text = "\n".join(failed_lines(failed, places_of(tried.file, tried.loaded)))
    return text.replace(f"{tried.file.path.parent}/", "")


def lines(tried: Tried) -> list[str]:
    """The findings in a file of tests, one line each."""
    text = render(tried.file.findings, tried.file.documents, "concise", color=False)
    return text.replace(f"{tried.file.path.parent}/", "").splitlines()[:-1]
