from pathlib import Path

import pytest

from tests.canaries import ERP_TOKEN
from tests.configuration.builders import CONFIG, ENVIRON, full, lines, load, swap


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "preset: aisoule,",
            "preset: aisoule, pathh: /x,",
            "config.yaml:3:30: BR102 unknown key `pathh` in `sources.aisoule`; a key with a similar name exists: `path",
        ),
        (
            "preset: aisoule,",
            "preset: aisole,",
            "config.yaml:3:21: BR211 there is no source preset `aisole`; did you mean `aisoule`?",
        ),
        (
            "preset: aisoule,",
            "preset: aisoule, path: nowhere,",
            "config.yaml:3:36: BR104 this path cannot be served",
        ),
        (
            ', secret: "${AISOULE_WEBHOOK_SECRET}"',
            "",
            "config.yaml:3:3: BR101 the source `aisoule` has no secret, so anybody could send it events",
        ),
        (
            "hubspot, token:",
            "hubspot, tokn:",
            "config.yaml:5:33: BR102 unknown key `tokn` in a destination of connector `hubspot`; did you mean `token`?",
        ),
        (
            "hubspot, token:",
            "hubspot, timeot: 3s, token:",
            ("config.yaml:5:33: BR102 unknown key `timeot` in a destination of connector `hubspot`; did you mean "
            "`timeout`?"),
        ),
        (
            "hubspot, token:",
            "hubspot, timeout: 3, token:",
            "config.yaml:5:42: BR110",
        ),
        (
            "type: bearer,",
            "type: bearer, usrname: x,",
            ("config.yaml:6:84: BR102 unknown key `usrname` in `destinations.erp.auth`; a key with a similar name "
            "exists: `username`"),
        ),
        (
            "connector: hubspot",
            "connector: hubsot",
            "config.yaml:5:24: BR210 there is no connector `hubsot`; did you mean `hubspot`?",
        ),
        (
            "connector: http,",
            "connector: htp,",  # the rule that uses it is not blamed
            "config.yaml:6:20: BR210 there is no connector `htp`; did you mean `http`?",
        ),
        (
            "https://",
            "http://",
            ("config.yaml:6:36: BR104 `base_url` is not encrypted; write `https://…`; plain `http` needs "
            "`allow_private_addresses: true`"),
        ),
        (
            ', token: "${ERP_TOKEN}"',
            "",
            "config.yaml:6:63: BR101 `auth` of type `bearer` needs `token`",
        ),
        (
            "hubspot, token:",
            "hubspot, limits: {burst: {cals: 190}}, token:",
            ("config.yaml:5:50: BR102 unknown key `cals` in `destinations.hubspot.limits.burst`; a key with a similar "
            "name exists: `calls`"),
        ),
        (
            "hubspot, token:",
            "hubspot, limits: {burst: on}, token:",
            "config.yaml:5:49: BR104 a limit is `off`, or what to change about it, such as `{calls: 190, per: 10s}`",
        ),
        (
            "hubspot, token:",
            "hubspot, limits: {burts: {calls: 190}}, token:",
            "config.yaml:5:42: BR101 the new limit `burts` needs `per`; did you mean `burst`?",
        ),
        (
            "hubspot, token:",
            "hubspot, limits: {ours: {calls: 1, per: 1s, key: '{{ body.id }}'}}, token:",
            "config.yaml:5:73: BR121",
        ),
        (
            "hubspot, token:",
            "hubspot, batch: {contact.upsert: off}, token:",
            "config.yaml:5:41: BR104 `contact.upsert` is no operation of this connector; did you mean `contacts",
        ),
        (
            "hubspot, token:",
            "hubspot, batch: sometimes, token:",
            "config.yaml:5:40: BR104 write `on`, `off`, or operations with `on` or `off`",
        ),
        (
            "hubspot, token:",
            "hubspot, replay_share: 20, token:",
            "config.yaml:5:47: BR104 `20` of what? write `20%`",
        ),
        (
            "hubspot: {",
            "my.crm: {",
            "config.yaml:5:3: BR104 `my.crm` cannot be a destination's name",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_a_source_or_destination_is_one_message(tmp_path: Path, old: str, new: str, expected: str) -> None:
    loaded = load(tmp_path, {"config.yaml": swap(CONFIG, old, new)})

    assert loaded.configuration is None
    [line] = lines(loaded)
    assert line.startswith(expected)


def test_a_destination_without_credentials_is_refused(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"config.yaml": swap(CONFIG, ', token: "${HUBSPOT_TOKEN}"', "")})

    assert loaded.configuration is None
    assert all(line.startswith("config.yaml:5:3: BR101 ") for line in lines(loaded))
    assert "needs credentials" in full(loaded)
    assert "give `token` or `client_id` and `client_secret` and `refresh_token`" in full(loaded)


def test_two_sources_cannot_share_a_path(tmp_path: Path) -> None:
    other = '  other: {preset: aisoule, secret: "${AISOULE_WEBHOOK_SECRET}", path: /hooks/aisoule}\n'
    loaded = load(tmp_path, {"config.yaml": swap(CONFIG, "destinations:\n", f"{other}destinations:\n")})

    assert lines(loaded) == [
        (
            "config.yaml:4:71: BR207 sources `aisoule` and `other` are served at the same path; give one of them "
            "another `path`"
        )
    ]


def test_entries_that_are_no_mappings_are_refused_each(tmp_path: Path) -> None:
    text = "version: 1\nsources: {a: null, b: [], c: 3}\ndestinations: {x: null, y: {connector: http}}\n"

    assert [line.split(" ", 2)[0] for line in lines(load(tmp_path, {"config.yaml": text}))] == [
        "config.yaml:2:14:",
        "config.yaml:2:23:",
        "config.yaml:2:30:",
        "config.yaml:3:19:",
        "config.yaml:3:25:",
    ]


def test_a_source_that_believes_everybody_is_warned_about(tmp_path: Path) -> None:
    open_door = "  aisoule: {verify: {type: none}, event: {type: note, id: body}}"
    closed = '  aisoule: {preset: aisoule, secret: "${AISOULE_WEBHOOK_SECRET}"}'
    loaded = load(tmp_path, {"config.yaml": swap(CONFIG, closed, open_door), "rules.yaml": "rules: []\n"})

    assert loaded.configuration is not None
    assert [line.split()[1:3] for line in lines(loaded)] == [["BR401", "warning"]]


@pytest.mark.parametrize(
    ("listen", "code"),
    [
        ("127.0.0.1:8080", "BR401"),
        ("127.0.0.7:8080", "BR401"),
        ("[::1]:8080", "BR401"),
        ("localhost:8080", "BR401"),
        ("0.0.0.0:8080", "BR307"),
        ("[::]:8080", "BR307"),
        ("192.168.1.5:8080", "BR307"),
        ("bridge.internal:8080", "BR307"),
    ],
)
def test_a_source_that_believes_everybody_is_for_this_machine_alone(tmp_path: Path, listen: str, code: str) -> None:
    open_door = "  aisoule: {verify: {type: none}, event: {type: note, id: body}}"
    closed = '  aisoule: {preset: aisoule, secret: "${AISOULE_WEBHOOK_SECRET}"}'
    files = {"config.yaml": swap(CONFIG, closed, open_door), "rules.yaml": "rules: []\n"}
    loaded = load(tmp_path, files, {**ENVIRON, "BRIDGE_SERVER__LISTEN": listen})

    assert [finding.code for finding in loaded.findings] == [code]
    assert (loaded.configuration is None) is (code == "BR307")


def test_an_operators_own_connector_is_known_and_suggested(tmp_path: Path, repository: Path) -> None:
    own = (repository / "bridge/connectors/catalog/http.yaml").read_text().replace("name: http\n", "name: intranet\n")
    wrong = swap(CONFIG, "connector: http,", "connector: intrant,")
    files = {"config/connectors/intranet.yaml": own, "config.yaml": wrong}

    assert lines(load(tmp_path, files))[0].endswith("there is no connector `intrant`; did you mean `intranet`?")
    assert lines(load(tmp_path, {**files, "config.yaml": swap(wrong, "intrant", "intranet")})) == []


@pytest.mark.parametrize("connector", ["htp", "http"])
def test_a_credential_is_never_shown_whatever_else_is_wrong_near_it(tmp_path: Path, connector: str) -> None:
    block = f"""\
  erp:
    connector: {connector}
    pat: {ERP_TOKEN}
    base_url: http://erp.example.com
    auth:
      type: header
      value: {ERP_TOKEN}
      nam: X-Key
"""
    line = next(line for line in CONFIG.splitlines(keepends=True) if "erp:" in line)
    loaded = load(tmp_path, {"config.yaml": swap(CONFIG, line, block)}, ENVIRON)

    assert loaded.configuration is None
    assert ERP_TOKEN not in full(loaded)
