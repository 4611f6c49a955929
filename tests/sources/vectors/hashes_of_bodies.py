"""The senders of facts sources.md 2.1: a hash of the body in one header."""

from tests.sources.vectors.request import KEYS, WRITTEN, Moment, Row, Sent, mac


def _row(
    name: str, header: str, *, prefix: str = "", encoding: str = "hex", algorithm: str = "sha256", key: str = "text"
) -> Row:
    signature = {"from": f"header:{header}", "encoding": encoding} | ({"prefix": prefix} if prefix else {})

    def sent(body: bytes, secret: str, _now: Moment) -> Sent:
        value = WRITTEN[encoding](mac(KEYS[key](secret), body, algorithm=algorithm))
        return Sent(((header, prefix + value),), body)

    return Row(name, {"type": "hmac", "algorithm": algorithm, "key": key, "signature": signature}, sent)


def _docusign(body: bytes, secret: str, _now: Moment) -> Sent:
    made = WRITTEN["base64"](mac(secret, body))
    other = WRITTEN["base64"](mac("a key of the account's other connection", body))
    return Sent((("X-DocuSign-Signature-1", other), ("X-DocuSign-Signature-2", made)), body)


def _pagerduty(body: bytes, secret: str, _now: Moment) -> Sent:
    old = mac("an older key of the same webhook", body).hex()
    return Sent((("X-PagerDuty-Signature", f"v1={old},v1={mac(secret, body).hex()}"),), body)


def _pair(old: str, new: str) -> list[dict[str, object]]:
    return [{"signature": {"from": f"header:{name}", "encoding": "base64"}} for name in (old, new)]


ROWS = (
    _row("aisoule", "X-AISoule-Signature", prefix="sha256="),
    _row("aisoule of the help pages", "X-Webhook-Signature"),
    _row("github", "X-Hub-Signature-256", prefix="sha256="),
    _row("github of old", "X-Hub-Signature", prefix="sha1=", algorithm="sha1"),
    _row("meta", "X-Hub-Signature-256", prefix="sha256="),
    _row("intercom", "X-Hub-Signature", prefix="sha1=", algorithm="sha1"),
    _row("jira", "X-Hub-Signature", prefix="sha256="),
    _row("notion", "X-Notion-Signature", prefix="sha256="),
    _row("typeform", "Typeform-Signature", prefix="sha256=", encoding="base64"),
    _row("shopify", "X-Shopify-Hmac-Sha256", encoding="base64"),
    Row(
        "shopify of both names",
        {"type": "hmac", "algorithm": "sha256", "any_of": _pair("X-Shopify-Hmac-Sha256", "shopify-hmac-sha256")},
        lambda body, secret, _now: Sent((("shopify-hmac-sha256", WRITTEN["base64"](mac(secret, body))),), body),
    ),
    _row("woocommerce", "X-WC-Webhook-Signature", encoding="base64"),
    Row(
        "docusign",
        {"type": "hmac", "signature": {"from": "header_pattern:X-DocuSign-Signature-*", "encoding": "base64"}},
        _docusign,
    ),
    Row(
        "pagerduty",
        {"type": "hmac", "signature": {"from": "header:X-PagerDuty-Signature", "split": ",", "field": "v1"}},
        _pagerduty,
    ),
    _row("sentry", "Sentry-Hook-Signature"),
    _row("asana", "X-Hook-Signature"),
    _row("dropbox", "X-Dropbox-Signature"),
    _row("cal.com", "X-Cal-Signature-256"),
    _row("tally", "Tally-Signature", encoding="base64"),
    _row("razorpay", "X-Razorpay-Signature"),
    _row("segment", "X-Signature", algorithm="sha1"),
    _row("interakt", "Interakt-Signature", prefix="sha256="),
    _row("aisensy", "X-AiSensy-Signature"),
    _row("line", "X-Line-Signature", encoding="base64"),
    _row("gocardless", "Webhook-Signature"),
    _row("lemon squeezy", "X-Signature"),
    _row("coinbase commerce", "X-CC-Webhook-Signature"),
    _row("mailersend", "Signature"),
    _row("vercel", "x-vercel-signature", algorithm="sha1"),
    _row("x", "x-twitter-webhooks-signature", prefix="sha256=", encoding="base64"),
    _row("airtable", "X-Airtable-Content-MAC", prefix="hmac-sha256=", key="base64"),
    _row("teams", "Authorization", prefix="HMAC ", encoding="base64", key="base64"),
    _row("adyen banking", "HmacSignature", encoding="base64", key="hex"),
    _row("help scout", "X-HelpScout-Signature", encoding="base64", algorithm="sha1"),
    _row("sha384", "X-Thing-Signature", algorithm="sha384"),
    _row("sha512", "X-Thing-Signature", algorithm="sha512", encoding="base64"),
    _row("pusher", "X-Pusher-Signature"),
)
