import pytest
from pydantic import ValidationError

from bridge.sources import SourceConfig
from tests.canaries import ORDERS_SECRET

REFUSED: dict[str, dict[str, object]] = {
    "an unknown key": {"secert": ORDERS_SECRET},
    "a short secret": {"secret": "short"},
    "a placeholder among good secrets": {"secret": [ORDERS_SECRET, "changeme-changeme"]},
    "a path without a slash": {"path": "webhook"},
    "a path that climbs": {"path": "/hooks/../admin"},
    "a path with an escape": {"path": "/a%2Fb"},
    "the health check's path": {"path": "/healthz"},
    "an empty path": {"path": "/"},
    "a split with a filter": {"split": "orders | first"},
    "an empty split": {"split": ""},
    "a split of nothing": {"split": "a..b"},
    "body before another id": {"event": {"id": ["body", "{{ body.id }}"]}},
    "an answer that senders take for failure": {"answer_status": 202},
    "an answer of several lines": {"answer_body": {"text": "a\nb"}},
    "an answer that a browser would run": {"answer_body": {"text": "<script>", "type": "text/html"}},
    "a text where there is no body": {"answer_status": 204, "answer_body": {"text": "OK"}},
    "an answer without a text": {"answer_body": {"type": "text/xml"}},
    "an answer of another kind": {"answer_body": "twiml"},
    "a window without a unit": {"dedupe": 600},
    "a size without a unit": {"max_body": 1000},
    "a field with a strange name": {"fields": {"a-b": "x"}},
    "an empty type": {"types": {"a": ""}},
}


@pytest.mark.parametrize("written", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_work_is_refused_without_showing_values(written: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        SourceConfig.model_validate(written)
    assert ORDERS_SECRET not in str(caught.value)


PATHS = ["orders", "a.b-c.d_e", "[]", "[].items", "entry[].changes[].value.messages[]", "orders?", "[]?", "a[]?.b[]?"]


@pytest.mark.parametrize("split", PATHS)
def test_ways_to_lists_are_taken(split: str) -> None:
    assert SourceConfig.model_validate({"split": split}).split == (split,)
    assert SourceConfig.model_validate({"split": [split, "a"]}).split == (split, "a")


@pytest.mark.parametrize(
    "split",
    ["", "a.", ".a", "a[", "a[0]", "a??", "a[]??", "a?.b", "?", "a[][]", "{{ a }}", "a" + ".a" * 16, [], ["a"] * 9],
)
def test_what_leads_to_no_list_is_refused(split: object) -> None:
    with pytest.raises(ValidationError):
        SourceConfig.model_validate({"split": split})


def test_a_body_is_written_in_one_form_or_several() -> None:
    assert SourceConfig.model_validate({"body": "form_json(payload)"}).body == ("form_json(payload)",)
    assert SourceConfig.model_validate({"body": ["json", "multipart"]}).body == ("json", "multipart")
    with pytest.raises(ValidationError, match="a body cannot be written like this"):
        SourceConfig.model_validate({"body": "jsno"})


@pytest.mark.parametrize("path", ["/webhook", "/a/b.c/d_e~f-g", "/v1/hooks/shop"])
def test_plain_paths_are_taken(path: str) -> None:
    assert SourceConfig(path=path).path == path


def test_durations_and_sizes_carry_units() -> None:
    config = SourceConfig.model_validate({"dedupe": "24h", "max_body": "2MiB"})
    assert (config.dedupe, config.max_body) == (86_400_000, 2 * 1024 * 1024)


def test_an_id_may_be_one_text_or_a_list() -> None:
    assert SourceConfig.model_validate({"event": {"id": "body"}}).event.id == ("body",)
