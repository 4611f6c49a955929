"""The vault: one private file, written whole or not at all."""

import stat
from pathlib import Path

import pytest

from bridge.outbound.vault import FILE_NAME, Vault, VaultFailed
from tests.canaries import ERP_TOKEN, HUBSPOT_TOKEN, ZENDESK_SECRET


def test_a_token_is_found_again_by_another_process(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    Vault(path).write("crm", ZENDESK_SECRET, ERP_TOKEN)
    Vault(path).write("other", ZENDESK_SECRET, HUBSPOT_TOKEN)
    assert Vault(path).read("crm", ZENDESK_SECRET) == ERP_TOKEN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [FILE_NAME]
    assert ZENDESK_SECRET not in path.read_text()


def test_a_newly_configured_token_wins(tmp_path: Path) -> None:
    vault = Vault(tmp_path / FILE_NAME)
    vault.write("crm", ZENDESK_SECRET, ERP_TOKEN)
    assert vault.read("crm", "a new one") is None
    assert vault.read("elsewhere", ZENDESK_SECRET) is None
    vault.write("crm", "a new one", HUBSPOT_TOKEN)
    assert vault.read("crm", ZENDESK_SECRET) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"crm": 5}', '{"crm": {"refresh_token": 5}}', f'"{ERP_TOKEN}'])
def test_a_damaged_file_is_no_empty_one_and_is_not_quoted(content: str, tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(content)
    with pytest.raises(VaultFailed) as caught:
        Vault(path).read("crm", ZENDESK_SECRET)
    assert ERP_TOKEN not in repr(caught.getrepr(chain=True))
    with pytest.raises(VaultFailed):
        Vault(path).write("crm", ZENDESK_SECRET, HUBSPOT_TOKEN)
    assert path.read_text() == content


def test_where_nothing_can_be_written_the_old_content_stays(tmp_path: Path) -> None:
    with pytest.raises(VaultFailed):
        Vault(tmp_path / "missing" / FILE_NAME).write("crm", ZENDESK_SECRET, ERP_TOKEN)
    path = tmp_path / FILE_NAME
    path.mkdir()  # a folder in its place can be neither read nor replaced
    with pytest.raises(VaultFailed):
        Vault(path).read("crm", ZENDESK_SECRET)
    assert [each.name for each in tmp_path.iterdir()] == [FILE_NAME]
