"""A setting that cannot be read ends every command."""

import pytest

from tests.commands.console import Console

pytestmark = pytest.mark.usefixtures("house")


@pytest.mark.parametrize("command", [["status", "--json"], ["run_pipeline"], ["doctor"]])
def test_a_setting_that_cannot_be_read_ends_with_2_and_its_name(
    console: Console, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_TIME_ZONE", "Atlantis/Capital")
    found = console(*command)
    assert found.code == 2
    assert "NIGHTSHIFT_TIME_ZONE='Atlantis/Capital'" in found.err
