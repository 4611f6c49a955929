from bridge.rules.origins import origins
from tests.rules.builders import Driver, rule
from tests.rules.test_run import USER, message

FREE = """
    name: free
    steps:
      - id: a
        use: erp.put
        with:
          path: "/orders/{{ fields.message_id }}"
          query: {from: "{{ fields.customer }}", fixed: "1"}
          headers: {X-Shop: berlin}
          json: {lines: [{sku: "{{ fields.text }}", count: 2, gift: false, note: null}], tags: []}
"""


def test_each_value_of_a_free_request_is_traced_to_the_line_that_gave_it() -> None:
    free = rule(FREE)
    at = ("steps", 0, "with")
    assert origins(free, Driver(free).peek()) == {
        ("path",): ((*at, "path"),),
        ("query", "from"): ((*at, "query", "from"),),
        ("query", "fixed"): ((*at, "query", "fixed"),),
        ("headers", "X-Shop"): ((*at, "headers", "X-Shop"),),
        ("json", "lines", 0, "sku"): ((*at, "json", "lines", 0, "sku"),),
        ("json", "lines", 0, "count"): ((*at, "json", "lines", 0, "count"),),
        ("json", "lines", 0, "gift"): ((*at, "json", "lines", 0, "gift"),),
        ("json", "lines", 0, "note"): ((*at, "json", "lines", 0, "note"),),
        ("json", "tags"): ((*at, "json", "tags"),),
    }


def test_a_parameter_is_traced_to_wherever_the_connector_puts_it_and_what_the_connector_adds_to_nothing() -> None:
    driver = message()
    driver.send(USER)
    send = driver.peek()
    found = origins(driver.rule, send)
    index = driver.rule.steps.index(send.step)
    assert found["json", "ticket", "requester_id"] == (("steps", index, "with", "requester_id"),)
    assert found["json", "ticket", "comment", "body"] == (("steps", index, "with", "comment", "body"),)
    assert not [part for part in found if part[0] in {"method", "path"}]
    assert ("headers", "Accept") not in found


def test_a_plain_true_or_number_is_traced_as_well() -> None:
    note = rule("name: a\nsteps: [{id: a, use: zendesk.tickets.comment, with: {id: 77, body: hi, public: false}}]")
    found = origins(note, Driver(note).peek())
    assert found["json", "ticket", "comment", "public"] == (("steps", 0, "with", "public"),)
    assert found["path",] == (("steps", 0, "with", "id"),)


def test_an_id_in_the_path_is_traced_also_where_only_digits_are_taken() -> None:
    comment = rule("name: a\nsteps: [{id: a, use: zendesk.tickets.comment, with: {id: '{{ 77 }}', body: hi}}]")
    assert origins(comment, Driver(comment).peek())["path",] == (("steps", 0, "with", "id"),)


def test_a_probe_has_no_parts_of_the_rule() -> None:
    comment = rule("name: a\nsteps: [{id: a, use: zendesk.tickets.comment, with: {id: '77', body: hi}}]")
    driver = Driver(comment)
    assert origins(comment, driver.peek())["json", "ticket", "comment", "body"] == (("steps", 0, "with", "body"),)
    driver.crash_while_sending()
    assert origins(comment, driver.peek()) == {}
