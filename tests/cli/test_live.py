import asyncio
import os
import pty
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from typer.testing import Result

from bridge.sandbox import FaultKind, FaultSpec, Match, Sandbox, SandboxUrls
from bridge.store.sqlite import SqliteStore
from tests.cli.conftest import Place

CONFIG = """\
version: 1
sources:
  aisoule: {{preset: aisoule, secret: "${{AISOULE_WEBHOOK_SECRET}}"}}
destinations:
  hubspot:
    connector: hubspot
    base_url: "{hubspot}"
    token: "${{HUBSPOT_TOKEN}}"
    allow_private_addresses: true
  zendesk:
    connector: zendesk
    ticket_fields: {{Channel: 360000000102, Chanel: 360000000102}}
    base_url: "{zendesk}"
    subdomain: sandbox
    client_id: bridge
    client_secret: "${{ZENDESK_CLIENT_SECRET}}"
    allow_private_addresses: true
rules: {rules}
"""

RULE = """\
rules:
  - name: one
    on: aisoule/message.received
    steps:
      - id: a
        use: {use}
        with: {given}
"""

ENVIRON = {
    "AISOULE_WEBHOOK_SECRET": "whsec-0123456789abcdef",
    "HUBSPOT_TOKEN": "sandbox-hubspot-token",
    "ZENDESK_CLIENT_SECRET": "sandbox-zendesk-secret",
}
CONTACT = 'id_property: whatsapp_id, id: "{{ fields.customer }}"'


@dataclass
class Account:
    """A configuration whose destinations are a sandbox, and `check --live` on it."""

    place: Place
    sandbox: Sandbox
    urls: SandboxUrls

    def write(self, use: str = "hubspot.contacts.upsert", given: str = f"{{{CONTACT}, properties: {{}}}}") -> None:
        self.place.config.write_text(
            CONFIG.format(hubspot=self.urls.hubspot, zendesk=self.urls.zendesk, rules="rules.yaml")
        )
        (self.place.folder / "rules.yaml").write_text(RULE.format(use=use, given=given))

    async def check(self, *words: str, **environ: str) -> Result:
        """The command, in a thread: it runs an event loop of its own."""
        return await asyncio.to_thread(self.place.run, "check", "--live", *words, environ={**ENVIRON, **environ})

    async def concise(self, *words: str, code: int = 1, **environ: str) -> list[str]:
        """The findings, one line each."""
        result = await self.check("--format", "concise", *words, **environ)
        assert result.exit_code == code, result.output
        return result.stdout.splitlines()[:-1]

    def without(self, kind: str, name: str) -> None:
        """Take a property out of the account."""
        assert self.sandbox.hubspot.schema.remove(self.sandbox.hubspot.schema.kind(kind), name)


@pytest.fixture
def account(place: Place, sandbox: Sandbox, urls: SandboxUrls) -> Account:
    found = Account(place, sandbox, urls)
    found.write()
    return found


async def test_a_configuration_that_is_right_is_clean_and_says_what_was_proved(account: Account) -> None:
    result = await account.check()
    assert result.exit_code == 0, result.output
    for line in (
        "no problems found",
        f"hubspot: {account.urls.hubspot} (portal 1, kind sandbox, app app.hubspot.com)",
        "  calls made: 3",
        "  the credentials are taken",
        "  read: properties of contacts (25)",
        "  right: 2 of 2 names, values and scopes that the rules say in so many words",
        f"zendesk: {account.urls.zendesk} (tickets 0)",
    ):
        assert line in result.stdout


async def test_it_only_reads(account: Account) -> None:
    before = account.sandbox.snapshot()
    await account.check()
    assert account.sandbox.snapshot() == before
    written = {entry.path for entry in account.sandbox.journal if entry.method != "GET"}
    assert written == {"/oauth/v2/private-apps/get/access-token-info", "/oauth/tokens"}


FINDINGS = [
    (
        "hubspot.contacts.update",
        "{id: 1, properties: {>fistname: A}}",
        "BR452 the account of `hubspot` has no property `fistname` of contacts; did you mean `firstname`",
    ),
    (
        "hubspot.contacts.upsert",
        "{id_property: >phone, id: a, properties: {}}",
        "BR455 the property `phone` of contacts is not unique, so records cannot be looked up by it; HubSpot cannot",
    ),
    (
        "hubspot.tickets.update",
        "{id: 1, properties: {createdate: >soon}}",
        "BR453 the property `createdate` of tickets takes a date or a time",
    ),
    (
        "hubspot.tickets.update",
        "{id: 1, properties: {hs_ticket_priority: >HIHG}}",
        "BR454 the property `hs_ticket_priority` of tickets does not have this option; did you mean `HIGH`?",
    ),
    (
        "hubspot.tickets.update",
        "{id: 1, properties: {hs_pipeline: >'7', hs_pipeline_stage: '1'}}",
        "BR452 the account of `hubspot` has no pipeline `7` of tickets; HubSpot shows the ids",
    ),
    (
        "hubspot.tickets.update",
        "{id: 1, properties: {hs_pipeline_stage: >closed}}",
        "BR452 the account of `hubspot` has no stage `closed` in any pipeline of tickets; did you mean `4` (Closed)?",
    ),
    (
        "hubspot.tickets.update",
        "{id: 1, properties: {>hs_lastmodifieddate: 2026-01-01}}",
        "BR456 warning the property `hs_lastmodifieddate` of tickets is read-only, archived or switched off",
    ),
    (
        "zendesk.tickets.update",
        "{id: 1, custom_fields: [{id: >360000000103, value: a}]}",
        "BR452 the account of `zendesk` has no ticket field `360000000103`; did you mean `360000000101` (WhatsApp",
    ),
    (
        "zendesk.tickets.update",
        "{id: 1, custom_fields: [{id: 360000000102, value: >WhatsApp}]}",
        "BR454 the ticket field `360000000102` does not have this option; did you mean `channel_whatsapp` (WhatsApp)?",
    ),
    (
        "zendesk.tickets.update",
        "{id: 1, fields: {>Chanel: channel_mail}}",
        "BR452 the account of `zendesk` has no ticket field `Chanel`; did you mean `Channel`?",
    ),
    (
        "zendesk.tickets.update",
        "{id: 1, fields: {Channel: >WhatsApp}}",
        "BR454 the ticket field `Channel` does not have this option; did you mean `channel_whatsapp` (WhatsApp)?",
    ),
    (
        "zendesk.tickets.update",
        "{id: 1, group_id: >5}",
        "BR452 the account of `zendesk` has no group `5`; Zendesk shows the ids",
    ),
    (
        "zendesk.tickets.create",
        "{comment: {body: a}, ticket_form_id: >5}",
        "BR452 the account of `zendesk` has no ticket form `5`; Zendesk shows the ids",
    ),
    (
        "zendesk.tickets.create",
        "{comment: {body: a}, brand_id: >5}",
        "BR452 the account of `zendesk` has no brand `5`; Zendesk shows the ids",
    ),
    (
        "zendesk.tickets.update",
        "{id: 1, assignee_id: >5}",
        "BR452 the account of `zendesk` has no agent `5`; Zendesk shows the id",
    ),
    (
        "zendesk.users.upsert",
        "{external_id: a, user_fields: {loyalty_points: >many}}",
        "BR453 the user field `loyalty_points` takes a whole number",
    ),
]
"""What a rule says, with `>` before what is wrong, and the finding."""


@pytest.mark.parametrize(
    ("use", "given", "finding"), FINDINGS, ids=[each[2][:5] + " " + each[1][:30] for each in FINDINGS]
)
async def test_what_the_account_does_not_have_is_found_at_its_place(
    account: Account, use: str, given: str, finding: str
) -> None:
    account.write(use, given.replace(">", ""))
    (line,) = await account.concise(code=0 if "warning" in finding else 1)
    column = len("        with: ") + given.index(">") + 1
    assert line.split("rules.yaml:", 1)[1].startswith(f"7:{column}: {finding}")


async def test_what_the_account_has_is_right(account: Account) -> None:
    good = {
        "zendesk.tickets.create": "{comment: {body: a}, group_id: 360000000201, ticket_form_id: 360000000301,"
        " brand_id: 360000000401, assignee_id: 360000000001, tags: [anything],"
        " custom_fields: [{id: 360000000102, value: channel_mail}]}",
        "hubspot.tickets.update": '{id: 1, properties: {hs_pipeline: "0", hs_pipeline_stage: "4", subject: Any}}',
    }
    for use, given in good.items():
        account.write(use, given)
        assert await account.concise(code=0) == []


async def test_a_missing_scope_is_found_at_the_step_that_needs_it(account: Account) -> None:
    account.sandbox.hubspot.access.restrict("sandbox-hubspot-token", frozenset({"crm.objects.contacts.read"}))
    (line,) = await account.concise()
    assert ":6:14: BR451 the credentials of `hubspot` may not do `contacts.upsert`" in line


async def test_a_list_that_may_not_be_read_is_a_warning(account: Account) -> None:
    account.write("hubspot.tickets.update", '{id: 1, properties: {hs_pipeline_stage: "99"}}')
    account.sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=403, match=Match(path="*/pipelines/*")))
    (line,) = await account.concise(code=0)
    assert (
        "config.yaml:5:3: BR457 warning the account of `hubspot` does not tell the list `pipelines` of tickets" in line
    )


async def test_a_wrong_token_is_told_where_the_destination_stands_and_is_printed_nowhere(account: Account) -> None:
    for form in ("full", "concise", "json"):
        result = await account.check("--format", form, HUBSPOT_TOKEN="wrong-token-0123456789")
        assert result.exit_code == 1
        assert "BR450" in result.stdout
        assert "wrong-token" not in result.output
    assert "config.yaml:5:3" in (await account.check("--format", "concise", HUBSPOT_TOKEN="wrong-0123456789")).stdout


async def test_an_account_that_cannot_be_reached_is_exit_3(account: Account) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        account.place.config.write_text(account.place.config.read_text().replace(account.urls.hubspot, url))
        result = await account.check()
    assert result.exit_code == 3
    assert "error[BR459]: the account of `hubspot` could not be asked" in result.stdout
    assert "no connection could be made: connection refused" in result.stdout
    assert "  nothing was proved: no connection could be made" in result.stdout
    assert "right: 0 of 0" in result.stdout.split("zendesk:", 1)[1]


async def test_a_web_page_with_200_is_exit_3(account: Account) -> None:
    account.sandbox.faults.add(
        FaultSpec(fault=FaultKind.HTML_200, match=Match(api="zendesk", path="/api/*"), times=None)
    )
    result = await account.check()
    assert result.exit_code == 3
    assert "is an HTML page" in result.stdout


async def test_a_429_in_between_is_waited_for(account: Account) -> None:
    fault = FaultSpec(fault=FaultKind.STATUS, status=429, retry_after=0, match=Match(api="zendesk", path="*/count"))
    account.sandbox.faults.add(fault)
    result = await account.check()
    assert result.exit_code == 0, result.output
    assert "calls made: 2" in result.stdout.split("zendesk:", 1)[1]


async def test_nothing_is_asked_about_a_configuration_with_mistakes(account: Account) -> None:
    account.write("hubspot.contacts.upsertt")
    result = await account.check()
    assert result.exit_code == 1
    assert "no account was asked" in result.stdout
    assert account.sandbox.journal.seen == 0


async def test_json_stays_one_array_and_the_summary_goes_to_stderr(account: Account) -> None:
    account.without("contacts", "whatsapp_id")
    result = await account.check("--format", "json")
    (finding,) = orjson.loads(result.stdout)
    assert (finding["code"], finding["line"], finding["severity"]) == ("BR452", 7, "error")
    assert "portal 1" in result.stderr


# --- --fix -----------------------------------------------------------------------------------------------------


async def test_fix_creates_what_the_recipes_need_and_the_second_run_is_clean(
    account: Account, repository: Path
) -> None:
    shutil.copytree(repository / "config", account.place.folder / "config")
    recipes = "[config/aisoule-to-hubspot.yaml, config/aisoule-to-zendesk.yaml]"
    text = CONFIG.format(hubspot=account.urls.hubspot, zendesk=account.urls.zendesk, rules=recipes)
    account.place.config.write_text(text)
    assert await account.concise(code=0) == []  # the sandbox has what they need

    needed = {
        "contacts": ["whatsapp_id"],
        "tickets": ["whatsapp_ticket_id"],
        "communications": ["wa_message_id", "wa_status"],
    }
    for kind, names in needed.items():
        for name in names:
            account.without(kind, name)
    found = await account.concise()
    assert sorted({line.split("`")[3] for line in found}) == [
        "wa_message_id",
        "wa_status",
        "whatsapp_id",
        "whatsapp_ticket_id",
    ]
    fixed = await account.check("--fix", "--yes")
    assert fixed.exit_code == 0, fixed.output
    assert "created in hubspot: property `wa_message_id` of communications (unique text)" in fixed.stdout
    assert "created in hubspot: property `wa_status` of communications (text)\n" in fixed.stdout
    unique = {
        item.name: item.unique
        for kind in needed
        for item in account.sandbox.hubspot.schema.properties(account.sandbox.hubspot.schema.kind(kind))
    }
    assert [unique[name] for names in needed.values() for name in names] == [True, True, True, False]
    assert await account.concise(code=0) == []
    again = await account.check("--fix", "--yes")
    assert (again.exit_code, "there is nothing to create" in again.stdout) == (0, True)


async def test_fix_asks_and_without_a_terminal_it_refuses(account: Account) -> None:
    account.without("contacts", "whatsapp_id")
    result = await account.check("--fix")
    assert result.exit_code == 2
    assert "add --yes" in result.stderr
    assert account.sandbox.journal.seen == 0


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", 0)])
async def test_fix_does_what_the_person_at_the_terminal_says(account: Account, answer: bytes, code: int) -> None:
    account.without("contacts", "whatsapp_id")
    ours, theirs = pty.openpty()
    command = (sys.executable, "-m", "bridge", "check", "--live", "--fix", "-c", str(account.place.config))
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **ENVIRON},
        stdin=theirs,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(theirs)
    os.write(ours, answer)
    output, asked = await process.communicate()
    os.close(ours)
    assert process.returncode == code, output
    assert b"missing in hubspot: property `whatsapp_id` of contacts (unique text)" in asked
    schema = account.sandbox.hubspot.schema
    assert (schema.find(schema.kind("contacts"), "whatsapp_id") is not None) is (code == 0)
    assert (b"created in hubspot" if code == 0 else b"nothing was created") in output


async def test_fix_touches_nothing_that_exists_and_no_misspelling(account: Account) -> None:
    account.write("hubspot.contacts.upsert", "{id_property: phone, id: a, properties: {fistname: A}}")
    result = await account.check("--fix", "--yes")
    assert result.exit_code == 1
    assert "HubSpot cannot switch" in result.stdout
    assert (
        "not created: hubspot: property `fistname` of contacts: probably a misspelling of `firstname`" in result.stdout
    )
    posted = [entry.path for entry in account.sandbox.journal if entry.method == "POST" and "properties" in entry.path]
    assert posted == []


async def test_what_could_not_be_created_is_said(account: Account) -> None:
    account.without("contacts", "whatsapp_id")
    account.sandbox.hubspot.access.restrict("sandbox-hubspot-token", frozenset({"crm.objects.contacts.write"}))
    result = await account.check("--fix", "--yes")
    assert result.exit_code == 1
    assert "not created: hubspot: property `whatsapp_id` of contacts (unique text): One or more of the" in result.stdout


@pytest.mark.parametrize(
    ("words", "mend"),
    [(["--fix"], "--live --fix"), (["--live", "--yes"], "--live --fix --yes"), (["--yes"], "--live --fix --yes")],
)
def test_options_that_make_no_sense_together_are_wrong_use(place: Place, words: list[str], mend: str) -> None:
    result = place.run("check", *words)
    assert (result.exit_code, mend in result.stderr) == (2, True)


# --- refresh tokens --------------------------------------------------------------------------------------------


async def test_a_refresh_token_that_a_running_bridge_holds_is_left_alone(account: Account) -> None:
    text = account.place.config.read_text()
    rotating = 'client_id: c\n    client_secret: "client-secret-1"\n    refresh_token: "sandbox-refresh-token"'
    account.place.config.write_text(text.replace('token: "${HUBSPOT_TOKEN}"', rotating))
    (account.place.folder / "var").mkdir()
    store = await SqliteStore.open(account.place.folder / "var" / "bridge.db")
    try:
        held = await account.check()
    finally:
        await store.close()
    assert held.exit_code == 3
    assert "the bridge that runs here holds the refresh token" in held.stdout
    free = await account.check()
    assert free.exit_code == 0, free.output
    assert (account.place.folder / "var" / "credentials.json").stat().st_mode & 0o777 == 0o600


async def test_the_address_of_a_webhook_which_is_a_credential_is_not_printed(account: Account) -> None:
    account.write()
    config = account.place.config.read_text()
    webhook = '  team: {connector: slack-webhook, base_url: "https://hooks.slack.com/services/T0/B0/opens-it"}\n'
    account.place.config.write_text(config.replace("destinations:\n", f"destinations:\n{webhook}"))
    result = await account.check()
    assert "team: https://hooks.slack.com/••••\n" in result.output
    assert "opens-it" not in result.output
