"""The presets over the vectors of the sheet's rows: header, spelling, message, key and limits are the sheet's."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import pytest

from bridge.sources import Source, SourceConfig, load_preset, verify
from bridge.sources.scheme import alternatives, signed_url
from tests.sources.vectors.examined import headers_of, vectors_of
from tests.sources.vectors.hashes_of_addresses import PUBLIC
from tests.sources.vectors.hashes_with_times import SECOND_OF_BOX
from tests.sources.vectors.request import NOW_S, SECRET, Row
from tests.sources.vectors.rows import ROWS

NAMES: Mapping[str, str] = {
    "aisoule": "aisoule",
    "aisoule of the help pages": "aisoule",
    "github": "github",
    "meta": "whatsapp-cloud messenger instagram meta-lead-ads",
    "intercom": "intercom",
    "jira": "jira bitbucket",
    "notion": "notion",
    "typeform": "typeform",
    "shopify": "shopify",
    "shopify of both names": "shopify",
    "woocommerce": "woocommerce",
    "docusign": "docusign",
    "pagerduty": "pagerduty",
    "sentry": "sentry",
    "asana": "asana",
    "dropbox": "dropbox",
    "cal.com": "cal-com",
    "tally": "tally",
    "razorpay": "razorpay",
    "segment": "segment",
    "interakt": "interakt",
    "aisensy": "aisensy",
    "line": "line",
    "gocardless": "gocardless",
    "lemon squeezy": "lemon-squeezy",
    "coinbase commerce": "coinbase-commerce",
    "mailersend": "mailersend",
    "vercel": "vercel",
    "x": "x",
    "airtable": "airtable",
    "teams": "teams",
    "help scout": "helpscout",
    "pusher": "pusher",
    "standard webhooks": "standard-webhooks svix clerk resend recall-ai openai gitlab-signed render loops",
    "svix": "svix clerk resend recall-ai",
    "stripe": "stripe",
    "calendly": "calendly",
    "mux": "mux",
    "whereby": "whereby",
    "revenuecat": "revenuecat",
    "sanity": "sanity",
    "workos": "workos",
    "zoho payments": "zoho-payments",
    "paddle": "paddle",
    "slack": "slack slack-commands slack-interactivity",
    "zoom": "zoom",
    "customer.io": "customer-io",
    "zendesk": "zendesk",
    "webflow": "webflow",
    "front": "front",
    "chatwoot": "chatwoot",
    "sinch": "sinch",
    "linear": "linear",
    "box": "box",
    "hubspot v1": "hubspot-v1",
    "hubspot v2": "hubspot-v2",
    "hubspot v3": "hubspot",
    "twilio": "twilio",
    "twilio with a port": "twilio",
    "twilio without fields": "twilio",
    "twilio of JSON": "twilio-json",
    "square": "square",
    "mandrill": "mandrill",
    "trello": "trello",
    "plivo": "plivo",
    "discord": "discord discord-interactions",
    "telnyx": "telnyx",
    "sendgrid": "sendgrid",
    "freshchat": "freshchat",
    "livekit": "livekit",
    "vonage": "vonage",
    "mailgun": "mailgun",
    "mailgun inbound": "mailgun-inbound",
    "adyen payments": "adyen",
    "dropbox sign": "dropbox-sign",
    "gitlab's token": "gitlab",
    "telegram": "telegram",
    "graph": "microsoft-graph",
    "google push": "google-push",
    "postmark": "postmark pipedrive chargebee",
    "freshdesk": "freshdesk",
    "auth0": "auth0",
    "mailchimp": "mailchimp gumroad wati",
}
PAIRS = [(row, name) for row in ROWS for name in NAMES.get(row.name, "").split()]

_LATER = frozenset({"too old by a second"})
_LATER_STILL = frozenset({"too old by a second", "of yesterday"})
DIFFERS: Mapping[str, frozenset[str]] = {
    # the sheet names no limit, and each preset's own comment or fact says why it has this one
    "discord": _LATER,
    "sanity": _LATER,
    "zendesk": _LATER,
    "mailgun": _LATER,
    "mailgun-inbound": _LATER,
    "sendgrid": _LATER_STILL,
    "sinch": _LATER_STILL,
    "zoom": frozenset({"of yesterday"}),
    # five seconds for clocks that differ; a preset's secrets are good for each slot
    "box": frozenset({"too early by a second", "both keys in the other's slot"}),
    # the issuer is the operator's API key
    "livekit": frozenset({"another issuer", "no issuer", "a list of issuers"}),
}


def source_of(name: str, row: Row) -> Source:
    """The preset with the row's secret or key, and what else its operator gives."""
    preset = load_preset(name).preset
    assert preset is not None
    assert preset.verify is not None
    blocks = alternatives(preset.verify)
    config: dict[str, object] = {"preset": name, **_credentials(row)}
    if any(signed_url(block) for block in blocks):
        config["public_url"] = PUBLIC
    return Source.compile(name, SourceConfig.model_validate(config), preset)


def _credentials(row: Row) -> dict[str, object]:
    block = row.block()
    if "any_of" in block and "secrets" not in block:  # Box: each slot has its own
        return {"secret": [SECRET, SECOND_OF_BOX]}
    return {
        short: block[long] for long, short in (("secrets", "secret"), ("public_keys", "public_key")) if long in block
    }


@pytest.mark.parametrize(("row", "name"), PAIRS, ids=lambda each: getattr(each, "name", each))
def test_a_preset_believes_what_its_row_of_the_sheet_believes(row: Row, name: str) -> None:
    source = source_of(name, row)
    different = set()
    for vector in vectors_of(row):
        sent = vector.sent(NOW_S)
        verdict = verify(
            source.verification,
            headers=headers_of(row, sent),
            query=parse_qsl(sent.raw_query, keep_blank_values=True),
            body=sent.body,
            now_ms=NOW_S * 1000,
            raw_query=sent.raw_query,
        )
        if verdict.ok is not vector.ok and tuple(vector.secrets) == (SECRET,):
            different.add(vector.title)
    assert different == DIFFERS.get(name, frozenset())
