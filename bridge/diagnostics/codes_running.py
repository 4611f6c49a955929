"""The codes of what only shows while the bridge runs; see `codes`."""

from typing import Final

from bridge.diagnostics.code_page import Page

RUNNING: Final = (
    # 5xx: ingress (what a sender is told)
    Page(
        "BR501",
        "the signature does not match",
        "The request is not signed with a secret that this source knows.",
        "Its sender cannot be told from an impostor.",
        "Compare the signing secret here with the one that the sender shows; the log line of the request says more.",
    ),
    # 6xx: deliveries
    Page(
        "BR601",
        "a delivery failed",
        "The destination refused the request for good, or it could not be built.",
        "Sending it again unchanged would fail again.",
        "Read `mend` in the dead letter, correct the rule or the record, then replay it.",
    ),
    # 7xx: start
    Page(
        "BR701",
        "the store cannot be opened",
        "The database file cannot be created, read or written.",
        "Without a store nothing could be acknowledged safely.",
        "Check the path in `store.url`, the owner and the free space of its folder.",
    ),
    Page(
        "BR702",
        "an address is in use",
        "Another process listens on the address, or it does not belong to this machine.",
        "Events would go to the other process.",
        "Stop the other process, or change `server.listen` or `admin.listen`.",
    ),
    Page(
        "BR703",
        "the store is locked",
        "Another daemon holds this store.",
        "Two daemons on one store would deliver twice and out of order.",
        "Stop the other one, or give this one a store of its own.",
    ),
)
