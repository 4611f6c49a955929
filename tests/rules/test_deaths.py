from bridge.connectors.answer import Answer
from bridge.connectors.request import OutboundRequest
from bridge.connectors.verdict import Verdict
from bridge.connectors.wire import ParameterRefused
from bridge.expressions import RenderError
from bridge.model import DeadKind, Outcome
from bridge.rules.actions import Send
from bridge.rules.deaths import VariableError, answer_death, fingerprint, lost_death, mapping_death, parameter_death
from bridge.rules.state import Phase
from tests.rules.builders import rule

STEP = rule("").steps[0]
SEND = Send(
    STEP, STEP.operation, Phase.CALL, OutboundRequest("POST", "/a", {"Content-Type": "application/json"}, b"{}")
)
VERDICT = Verdict(Outcome.REJECTED, 422, "invalid", "the field is wrong", advice="correct the field, then replay")


def test_a_refusal_says_what_was_called_what_was_said_and_what_to_do() -> None:
    death = answer_death("r", SEND, VERDICT, Answer(422, body=b'{"message":"the field is wrong"}'), None)
    assert death.kind is DeadKind.REJECTED
    assert death.message == "erp.post: the field is wrong"
    assert death.mend == "correct the field, then replay"
    assert death.response == {"status": 422, "excerpt": '{"message":"the field is wrong"}'}
    assert death.request is not None
    assert death.request["body"] == {}


def test_the_end_of_patience_is_told_apart_from_a_refusal() -> None:
    death = answer_death("r", SEND, VERDICT, Answer(503), DeadKind.EXPIRED)
    assert death.message == "erp.post: given up, it still fails: the field is wrong"
    assert death.mend == "once the API is well again, replay"


def test_a_lost_answer_sends_a_person_to_look() -> None:
    death = answer_death("r", SEND, VERDICT, Answer(None), DeadKind.UNANSWERED)
    assert death.mend.startswith("look in the CRM")
    assert lost_death("r", "a", "erp.post", "gone", None).request is None


def test_a_variable_is_named_as_such_wherever_it_was_used() -> None:
    error = VariableError("`fields.x` is missing", path=("text",))
    death = mapping_death("r", "a", error, "with")
    assert death.message == "rule `r`, `vars.text`: `fields.x` is missing"
    assert death.step == "a"


def test_a_render_error_without_advice_still_has_a_mend() -> None:
    assert mapping_death("r", "a", RenderError("bad"), "with").mend == "correct the rule, then replay"


def test_a_parameter_is_named_by_its_place() -> None:
    death = parameter_death("r", "a", ParameterRefused("comment.body", "parameter `comment.body` is long", "cut it"))
    assert death.message == "rule `r`, step `a`, `with.comment.body`: parameter `comment.body` is long"


def test_a_fingerprint_tells_its_parts_apart() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert len(fingerprint()) == 12
