from pathlib import Path

import aiohttp
import pytest

from bridge.clock import ManualClock
from bridge.sandbox import Sandbox, load_scenario
from tests.sandbox.conftest import Caller

SCENARIO = """\
# HubSpot is down for half a minute
- when: {from: 10s, until: 40s}
  match: {api: hubspot}
  fault: status
  status: 503
  times: null

# the third order arrives, but its answer is lost
- match: {api: generic, method: POST, path: /orders}
  fault: reset
  applied: true
  after: 2
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(text)
    return path


async def test_a_scenario_is_played_on_the_clock_and_again_after_a_reset(
    tmp_path: Path, clock: ManualClock, session: aiohttp.ClientSession
) -> None:
    loaded = load_scenario(written(tmp_path, SCENARIO))
    assert loaded.findings == ()
    sandbox = Sandbox(clock, scenario=loaded.faults)
    async with sandbox.running() as urls:
        hubspot = Caller(session, urls.hubspot, {"Authorization": "Bearer sandbox-hubspot-token"})
        generic = Caller(session, urls.generic)
        for _ in range(2):
            statuses = []
            for _ in range(5):
                statuses.append((await hubspot("GET", "/crm/v3/objects/contacts")).status)
                clock.advance(10_000)
            assert statuses == [200, 503, 503, 503, 200]
            assert [(await generic("POST", "/orders", {})).status for _ in range(2)] == [201, 201]
            with pytest.raises(aiohttp.ClientError):
                await generic("POST", "/orders", {})
            assert len(sandbox.generic.records) == 3
            sandbox.reset()


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("- fault: statsu\n", "1:10", "did you mean `status`?"),
        ("- fault: reset\n  tmes: 2\n", "2:3", "a key with a similar name exists: `times`"),
        ("- fault: reset\n  match: {api: hubspto}\n", "2:16", "did you mean `hubspot`?"),
        ("- fault: reset\n  match: {method: PSOT}\n", "2:19", "did you mean `POST`?"),
        ("- fault: reset\n  when: {from: 10}\n", "2:16", "write `10s` for 10 seconds"),
        ("- fault: reset\n  when: {from: 40s, until: 10s}\n", "2:9", "both are counted from the start"),
        ("- fault: reset\n  times: 0\n", "2:10", ""),
        ("- match: {api: slack}\n", "1:3", ""),
        ("- fault: reset\n\n- fault: reset\n  status: 503\n", "4:3", "remove it, or choose the other fault"),
        ('- fault: status\n  retry_after: "7\\r\\nX: y"\n', "2:16", "without line breaks"),
        ('- fault: redirect\n  location: "https://a.invalid/\\n"\n', "2:13", "without line breaks"),
        ("- fault: status\n  body: {id: 123456789012345678901234}\n", "2:9", "put longer ones into quotes"),
        ("- fault: giant\n  size: 1073741825\n", "2:9", ""),
        ("- fault: slow\n  delay_ms: 31622400001\n", "2:13", ""),
        ("fault: reset\n", "1:1", "begin with `- fault: status`"),
        ("[]\n", "1:1", "begin with `- fault: status`"),
        ("- fault: [\n", "2:1", ""),
    ],
)
def test_a_mistake_in_a_scenario_has_its_place_and_its_mend(tmp_path: Path, text: str, place: str, words: str) -> None:
    path = written(tmp_path, text)
    loaded = load_scenario(path)
    assert loaded.faults == ()
    [finding] = loaded.findings
    assert str(finding.place) == f"{path}:{place}", finding
    assert words in " ".join(finding.helps), finding


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    loaded = load_scenario(written(tmp_path, "- fault: explode\n- fault: reset\n  tmes: 1\n"))
    assert [finding.place.span.line for finding in loaded.findings if finding.place.span] == [1, 3]


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    [finding] = load_scenario(tmp_path / "none.yaml").findings
    assert (finding.code, "--scenario" in finding.helps[0]) == ("BR208", True)
