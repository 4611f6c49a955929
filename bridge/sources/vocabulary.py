"""What the names under `fields` mean: one name for one thing, whoever sends it, so that one rule serves many senders.

A preset gives those of them that its sender tells, and may have names of its own beside them. docs/presets.md lists
them; tests hold the shipped presets to them.
"""

from collections.abc import Mapping
from typing import Final

PEOPLE: Final[Mapping[str, str]] = {
    "email": "the person's e-mail address; of a mail that comes in, its author's",
    "name": "the person's whole name; wherever `firstname` and `lastname` are, it is there too",
    "firstname": "the person's first name",
    "lastname": "the person's last name",
    "phone": "the person's phone number, as the sender writes it: `| e164` evens it out",
    "company": "the person's company",
    "customer_id": "the sender's own id of the customer or contact",
    "user_id": "the sender's own id of the user who is no customer record, such as a login",
    "author": "who did it, where that is not the person whom it is about",
    "assignee": "the colleague who is to take care of it",
}
THINGS: Final[Mapping[str, str]] = {
    "object_id": "the id of the record that the event is about: a ticket, an order, a contact, a file",
    "parent_id": "the id of the record that it belongs to",
    "kind": "what sort of thing it is; of a message `text`, `image` and so on",
    "number": "the number or key by which people call it: `1042`, `OPS-7`",
    "title": "its title; of a mail or ticket the subject",
    "text": "what somebody wrote, or a description",
    "status": "its state, in the sender's words; of a message's receipt `sent`, `delivered`, `read` or `failed`",
    "url": "where a person can look at it, or the link that was followed",
    "error": "why it went wrong, in the sender's words",
    "reason": "why somebody did it, such as a cancellation",
    "priority": "its priority",
    "change": "what was changed about it",
    "property": "the name of the one property that was changed",
    "value": "the new value of that property, or of what was chosen",
    "previous": "what it was before",
    "account": "the account, workspace or shop at the sender that it belongs to",
    "project": "the project, board or site that it belongs to",
    "repository": "the repository of code that it belongs to",
    "reference": "your own word for it, which you gave the sender",
    "custom": "what you attached to it at the sender, as an object",
    "tags": "its tags, as a list",
    "list": "the mailing list, audience or other list that it is in",
}
MESSAGES: Final[Mapping[str, str]] = {
    "direction": "`inbound` or `outbound`",
    "customer": "the customer's phone number, or the id that the channel knows them by",
    "business": "your own number or account",
    "business_id": "the channel's id of your own number",
    "message_id": "the message's id; the same in its receipts",
    "conversation": "the id of the thread or chat that it is in",
    "channel": "the channel it came through or stands in",
    "reply_to": "the id of the message that it answers",
    "media_url": "where the picture or file is",
    "media_id": "by which id the picture or file is to be asked for",
    "user": "the id of the person in the workspace or server",
    "app": "the app at the sender that it came to",
}
MAILS: Final[Mapping[str, str]] = {
    "from": "of a mail that you sent: from which address",
    "to": "of a mail that comes in: to which of your addresses",
    "html": "the mail as HTML",
    "in_reply_to": "the id of the mail that it answers",
    "attachments": "how many files are with it; the files themselves are in `body`",
}
MONEY: Final[Mapping[str, str]] = {
    "amount": "as the sender counts: cents at ActiveCampaign, Adyen, Chargebee, Close, Gumroad, Lemon Squeezy, Paddle, "
    "Razorpay, Square and Stripe, whole units with a fraction at the others",
    "currency": "three capital letters, `EUR`",
    "order_id": "the order that it is about",
    "payment_id": "the payment that it is about",
    "subscription_id": "the subscription that it is about",
    "product": "the name or id of what was bought",
    "shop": "the shop's domain",
}
FORMS: Final[Mapping[str, str]] = {
    "form": "the form's name",
    "form_id": "the form's id",
    "answers": "all answers, as the sender writes them",
    "page": "the address of the page",
    "starts_at": "when the meeting begins",
    "ends_at": "when the meeting or subscription ends",
    "host": "who holds the meeting",
}

VOCABULARY: Final[Mapping[str, Mapping[str, str]]] = {
    "People": PEOPLE,
    "Things": THINGS,
    "Messages": MESSAGES,
    "Mails": MAILS,
    "Money": MONEY,
    "Forms and meetings": FORMS,
}
"""What they are about -> name -> meaning."""

INSTEAD: Final[Mapping[str, str]] = {
    "subject": "title",
    "link": "url",
    "ticket_id": "object_id",
    "record_id": "object_id",
    "item_id": "object_id",
    "lead": "object_id",
    "object_type": "kind",
    "item_type": "kind",
    "state": "status",
    "actor": "author",
    "agent": "assignee",
    "changed": "change",
    "contact": "customer_id",
    "contact_id": "customer_id",
    "requester_id": "customer_id",
    "workspace": "account",
    "chat": "conversation",
    "first_name": "firstname",
    "last_name": "lastname",
    "description": "text",
    "body": "text",
    "message": "text",
    "price": "amount",
    "total": "amount",
}
"""A name that no preset gives to a thing -> the one for it."""
