"""The customer data and secrets that tests use, in one place, so that one check can prove none reaches a log.

Use these wherever a test needs a phone number, a message text, a name or a credential.
"""

PHONE = "918856879188"
PHONE_E164 = "+918856879188"
BRAZILIAN_OLD = "551187654321"  # a mobile without the ninth digit
BRAZILIAN_NEW = "+5511987654321"  # the same handset as one canonical number
BUSINESS = "15550199999"
TEXT = "Hi there! I need pricing info."
EMOJI_TEXT = "Merci 🙏🏽 à bientôt"
CUSTOMER_NAME = "Asha Kulkarni-Canary"
AISOULE_SECRET = "whsec-canary-0123456789abcdef"
ORDERS_SECRET = "orders-canary-fedcba9876543210"
HUBSPOT_TOKEN = "pat-canary-hubspot-00112233445566"
ZENDESK_SECRET = "zendesk-canary-client-secret-7788"
ERP_TOKEN = "erp-canary-token-99aabbccddeeff"

CANARIES = (
    PHONE,
    BRAZILIAN_OLD,
    BRAZILIAN_NEW,
    TEXT,
    EMOJI_TEXT,
    CUSTOMER_NAME,
    AISOULE_SECRET,
    ORDERS_SECRET,
    HUBSPOT_TOKEN,
    ZENDESK_SECRET,
    ERP_TOKEN,
)
