"""The metrics: what a monitoring system sees is what the books say."""

from prometheus_client.parser import text_string_to_metric_families

from bridge.web.metrics import CONTENT_TYPE, exposition
from tests.canaries import PHONE
from tests.web.conftest import TOKEN, Doors, order

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


COUNTERS = ("accepted", "redelivered", "duplicates", "differing")


def samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape(doors: Doors) -> str:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with doors.session.get(f"{doors.admin}/metrics", headers=headers) as got:
        assert (got.status, got.headers["Content-Type"]) == (200, CONTENT_TYPE)
        assert got.headers["Cache-Control"] == "no-store"
        return await got.text()


async def test_the_books_are_exported_and_say_what_status_says(doors: Doors) -> None:
    for number in range(3):
        assert (await doors.post(order(number, customer=PHONE))).status == 200
    await doors.world.settle()
    status = (await doors.ask_admin("GET", "/api/v1/status")).body
    text = await scrape(doors)
    found = samples(text)
    assert found["crm_bridge_events_accepted_total", ()] == 3
    assert found["crm_bridge_books_differences", ()] == 0
    assert found["crm_bridge_orphans", ()] == 0
    assert found["crm_bridge_reload_refused", ()] == 0
    for account in status["accounts"]:
        labels = {"rule": account["rule"], "destination": account["destination"] or "", "state": "done"}
        assert found["crm_bridge_deliveries", tuple(sorted(labels.items()))] == account["done"]
    assert sum(value for (name, _), value in found.items() if name == "crm_bridge_deliveries") >= 3
    for name in status["destinations"]:
        assert found["crm_bridge_destination_state", (("destination", name), ("state", "open"))] == 1
    assert PHONE not in text


def test_a_difference_in_the_books_and_what_a_destination_suffers_from_are_numbers() -> None:
    budget = {"name": 'odd "name"\n', "used": 7, "limit": 10}
    row = {"state": "broken", "in_flight": 1, "at_most": 4, "waiting": 2, "budgets": [budget]}
    found = samples(
        exposition(
            {
                "events": {"accepted": 5, "routed": 3, "unmatched": 1, "unrouted": 1},
                "sources": {
                    "shop": {
                        "accepted": 4,
                        "redelivered": 1,
                        "duplicates": 3,
                        "differing": 2,
                        "refused": {"too_large": 6},
                        "taken": 7,
                    }
                },
                "accounts": [{"rule": "r", "destination": None, "done": 2, "dead": 1}],
                "books": {"differences": [{"rule": "r"}]},
                "oldest_open_age_s": 90,
                "orphans": [{"rule": "gone", "deliveries": 3}, {"rule": "off", "deliveries": 4}],
                "configuration": {"refused": {"trigger": "SIGHUP"}},
                "destinations": {"crm": row},
            }
        ).decode()
    )
    assert found["crm_bridge_books_differences", ()] == 1
    assert found["crm_bridge_oldest_open_age_seconds", ()] == 90
    assert found["crm_bridge_events_unrouted", ()] == 1
    assert found["crm_bridge_orphans", ()] == 7
    by_source = {name: found[f"crm_bridge_source_{name}_total", (("source", "shop"),)] for name in COUNTERS}
    assert by_source == {"accepted": 4, "redelivered": 1, "duplicates": 3, "differing": 2}
    assert found["crm_bridge_source_refused_total", (("reason", "too_large"), ("source", "shop"))] == 6
    assert found["crm_bridge_reload_refused", ()] == 1
    assert found["crm_bridge_requests_taken_total", (("source", "shop"),)] == 7
    assert found["crm_bridge_deliveries", (("destination", ""), ("rule", "r"), ("state", "dead"))] == 1
    assert found["crm_bridge_destination_state", (("destination", "crm"), ("state", "broken"))] == 1
    assert found["crm_bridge_destination_state", (("destination", "crm"), ("state", "open"))] == 0
    assert found["crm_bridge_limit_used", (("destination", "crm"), ("limit", 'odd "name"\n'))] == 7
