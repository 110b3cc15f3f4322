"""The secret key: one per installation, whoever comes first."""

import stat
import subprocess
import sys

import pytest

from batchsite.environment import CHECKOUT, EnvironmentFault, read_environment
from batchsite.secret_key import secret_key

PRINT_KEY = (
    "from batchsite.environment import *; from batchsite.secret_key import *; print(secret_key(read_environment()))"
)


def test_processes_that_start_at_once_agree_on_one_key(nightshift_home):
    started = [
        subprocess.Popen([sys.executable, "-c", PRINT_KEY], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    keys = [process.communicate(timeout=30)[0].strip() for process in started]
    assert len(set(keys)) == 1
    assert len(keys[0]) >= 50
    assert [path.name for path in nightshift_home.iterdir()] == ["secret_key"]


def test_the_loser_of_the_race_takes_the_key_of_the_winner(nightshift_home, monkeypatch):
    """The other process comes first, just between the look and the link."""
    winner = "w" * 60

    def link_after_somebody_else(source: object, target: object) -> None:
        (nightshift_home / "secret_key").write_text(winner)
        raise FileExistsError

    monkeypatch.setattr("batchsite.secret_key.os.link", link_after_somebody_else)
    assert secret_key(read_environment()) == winner


def test_the_key_is_for_its_owner_alone(nightshift_home):
    secret_key(read_environment())
    assert stat.S_IMODE((nightshift_home / "secret_key").stat().st_mode) == 0o600


def test_the_key_stays_the_same(nightshift_home):
    assert secret_key(read_environment()) == secret_key(read_environment())


def test_a_given_key_is_used_and_not_stored(nightshift_home, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_SECRET_KEY", "k" * 40)
    assert secret_key(read_environment()) == "k" * 40
    assert not (nightshift_home / "secret_key").exists()


def test_a_damaged_key_is_named_and_not_replaced(nightshift_home):
    (nightshift_home / "secret_key").write_text("\n")
    with pytest.raises(EnvironmentFault, match="damaged"):
        secret_key(read_environment())
    assert (nightshift_home / "secret_key").read_text() == "\n"
