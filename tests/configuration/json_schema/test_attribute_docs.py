from bridge.configuration.json_schema.attribute_docs import attribute_docs
from bridge.rules.schema import StepShape
from bridge.sources import Preset, SourceConfig


def test_the_words_below_a_field_are_found() -> None:
    assert (
        attribute_docs(StepShape)["timeout"] == "How long one request may take; default: the destination's `timeout`."
    )


def test_a_model_has_the_words_of_those_that_it_extends() -> None:
    assert attribute_docs(SourceConfig)["split"] == attribute_docs(Preset)["split"]
    assert "preset" not in attribute_docs(Preset)
