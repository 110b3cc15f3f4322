"""A management command speaks in sentences; stack traces go to the log, and secrets nowhere."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchsite.environment import CHECKOUT
from batchsite.logs import RedactingFormatter

NOBODY_LISTENS = "postgresql://me:hunter2hunter2@127.0.0.1:9/db"


def manage(*arguments: str, python: tuple[str, ...] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *python, "manage.py", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_unforeseen_error_is_a_sentence_and_its_stack_trace_is_in_the_log(nightshift_home):
    done = manage("showmigrations", DATABASE_URL=NOBODY_LISTENS)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    log = (nightshift_home / "logs" / "commands.log").read_text()
    assert "Traceback" in log
    assert "OperationalError" in log
    assert "hunter2" not in done.stderr + log


def test_a_wrong_environment_is_one_sentence_per_variable_and_exit_code_2(nightshift_home):
    done = manage("check", PORT="x", NIGHTSHIFT_DEBUG="x")
    assert done.returncode == 2
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["NIGHTSHIFT_DEBUG", "PORT"]


def test_bad_input_ends_with_exit_code_2(nightshift_home):
    done = manage("devdb", "status", DATABASE_URL=NOBODY_LISTENS)
    assert (done.returncode, done.stdout) == (2, "")
    assert "DATABASE_URL is set" in done.stderr


def test_the_traceback_option_does_not_bring_a_stack_trace_to_the_person(nightshift_home):
    done = manage("devdb", "status", "--traceback", DATABASE_URL=NOBODY_LISTENS)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_without_the_installed_packages_a_sentence_points_to_make_run():
    done = manage("check", python=("-S",))
    assert done.returncode == 1
    assert "`make run`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    done = manage("check", NIGHTSHIFT_HOME=str(tmp_path / "file" / "home"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(tmp_path) in done.stderr


def test_a_command_works_although_its_log_cannot_be_written(nightshift_home):
    (nightshift_home / "logs").write_text("a file where the folder should be")
    done = manage("devdb", "status")
    assert (done.returncode, done.stderr) == (0, "")


def test_devdb_starts_and_stops_the_embedded_server(nightshift_home):
    assert '"running": true' in manage("devdb", "start").stdout
    assert '"running": false' in manage("devdb", "stop").stdout


def test_reading_the_settings_starts_nothing(nightshift_home):
    assert manage("check").returncode == 0
    assert not (nightshift_home / "pg").exists()


@pytest.mark.parametrize("where", ["message", "stack trace"])
def test_secrets_do_not_reach_a_log_line(where):
    formatter = RedactingFormatter(["sk-ant-secret"])
    record = logging.LogRecord("name", logging.ERROR, __file__, 1, "key %s", ("sk-ant-secret",), None)
    if where == "stack trace":
        record.msg, record.args, record.exc_text = "failed", None, "Traceback: sk-ant-secret"
    assert "sk-ant-secret" not in formatter.format(record)
    assert "[secret]" in formatter.format(record)


def test_no_registry_is_named_in_what_is_installed():
    named = [Path(CHECKOUT, name).read_text() for name in ("requirements.txt", "requirements-dev.txt", "Makefile")]
    assert not [text for text in named if "://" in text or "--index" in text or "--find-links" in text]
