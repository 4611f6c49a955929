import pytest
from pydantic import TypeAdapter, ValidationError

from bridge.sources.credentials import SourceSecret
from tests.canaries import AISOULE_SECRET, ORDERS_SECRET

ADAPTER: TypeAdapter[SourceSecret] = TypeAdapter(SourceSecret)

REFUSED = [
    "",
    "changeme",
    "change-me-change-me-now",
    "replace_this_with_yours",
    "your-webhook-secret-here",
    "an example of a secret value",
    "my_super_secret_key",
    "webhook-secret-key-123456",
    "<the secret from the page>",
    "${ORDERS_WEBHOOK_SECRET}",
    "aaaaaaaaaaaaaaaaaaaaaaaa",
    "abababababababababab",
    "f7Qk2mZ9x",
]


@pytest.mark.parametrize("secret", REFUSED)
def test_short_secrets_and_placeholders_are_refused(secret: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python(secret)
    assert caught.value.errors()[0]["ctx"]["code"] == "BR304"
    assert not secret or secret not in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    "secret", [AISOULE_SECRET, ORDERS_SECRET, "8472938472938471", "c2VjcmV0IHNlY3JldA+/=x9Q", "geheim-größer-17"]
)
def test_real_secrets_are_taken_and_not_shown(secret: str) -> None:
    taken = ADAPTER.validate_python(secret)
    assert taken.get_secret_value() == secret
    assert secret not in repr(taken)
