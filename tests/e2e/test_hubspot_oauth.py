"""HubSpot with an OAuth app: access tokens live half an hour, and no call ever meets one that has ended."""

from pathlib import Path

from tests.connectors.catalog.requests import strange
from tests.e2e.load import messages
from tests.e2e.virtual import MINUTE_MS, PREAMBLE, VirtualWorld

APP = 'client_id: app, client_secret: "${ORDERS_SECRET}", refresh_token: sandbox-refresh-token'
CONTACT = """\
rules:
  - name: contact
    on: aisoule/message.received
    steps:
      - id: contact
        use: hubspot.contacts.upsert
        with:
          id_property: whatsapp_id
          id: "{{ fields.customer | person }}"
          properties: {phone: "{{ fields.customer | e164 }}"}
"""


async def test_hours_of_messages_refresh_the_token_before_it_ends(tmp_path: Path) -> None:
    configuration = PREAMBLE.replace('token: "${HUBSPOT_TOKEN}"', APP) + CONTACT
    async with VirtualWorld(configuration, tmp_path) as world:
        for number in range(12):
            await world.accept(*messages(1, 12, first=number), source="aisoule")
            await world.until(world.settled)
            await world.run_for(11 * MINUTE_MS)

        journal = world.sandbox.journal.of("hubspot")
        asked = [entry for entry in journal if entry.path.startswith("/oauth/")]
        assert await world.counts("contact") == {"done": 12}
        assert {entry.status for entry in journal} == {200}
        assert {entry.path for entry in asked} == {"/oauth/2026-03/token"}
        assert 4 <= len(asked) <= 8
        assert strange(journal) == []
