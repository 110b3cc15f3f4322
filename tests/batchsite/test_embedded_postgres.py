"""The embedded PostgreSQL: started by whoever needs it first, started again when it died, stopped for nobody's harm."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from batchsite.embedded_postgres import server
from batchsite.embedded_postgres.base import DatabaseWrapper
from batchsite.environment import CHECKOUT

START = """
import sys
from pathlib import Path
from batchsite.embedded_postgres import server
server.ensure(Path(sys.argv[1]), "app")
"""


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """One data folder for all tests here: making one costs more than a test. Each test finds it in any condition."""
    home = Path(tempfile.mkdtemp(prefix="ns-", dir="/tmp")).resolve()
    yield home / "pg"
    server.stop(home / "pg", even_if_connected=True)
    shutil.rmtree(home)


def connect(data: Path, database: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(**server.ensure(data, database), user="postgres", dbname=database, autocommit=True)


def kill_postmaster(data: Path) -> None:
    postmaster = psutil.Process(server.status(data).pid)
    postmaster.kill()
    psutil.wait_procs([postmaster], timeout=10)


def test_a_killed_server_comes_back_with_its_data(data):
    with connect(data, "app") as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (42)")
    kill_postmaster(data)
    assert not server.status(data).running
    with connect(data, "app") as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (42,)


def test_the_next_connection_of_django_starts_a_killed_server(data, django_db_blocker):
    plain = {"USER": "postgres", "PASSWORD": "", "HOST": "", "PORT": "", "OPTIONS": {}, "TIME_ZONE": None}
    kept = {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "AUTOCOMMIT": True}
    wrapper = DatabaseWrapper({**plain, **kept, "NAME": "app", "EMBEDDED_DATA": data, "EMBEDDED_DATABASE": "app"})
    with django_db_blocker.unblock():
        wrapper.connect()
        wrapper.close()
        kill_postmaster(data)
        wrapper.connect()
        assert wrapper.connection.info.dbname == "app"
        wrapper.close()


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(data):
    connect(data).close()
    lines = (data / "postmaster.pid").read_text().splitlines()
    kill_postmaster(data)
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with connect(data) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert server.status(data).pid != os.getpid()


def test_a_half_written_pid_file_does_not_stop_the_start(data):
    connect(data).close()
    server.stop(data)
    (data / "postmaster.pid").write_text("12")
    with connect(data) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_processes_that_need_it_at_once_start_one_server(data):
    server.stop(data)
    command = [sys.executable, "-c", START, str(data)]
    started = [subprocess.Popen(command, cwd=CHECKOUT) for _ in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    servers = [process for process in psutil.process_iter(["cmdline"]) if str(data) in (process.info["cmdline"] or [])]
    assert len(servers) == 1


def test_it_is_not_stopped_while_others_are_connected(data):
    with connect(data):
        assert server.stop(data) is False
        status = server.status(data)
        assert status.running
        assert status.clients >= 1


def test_it_stops_when_nobody_is_connected(data):
    connect(data).close()
    assert server.stop(data) is True
    assert server.status(data) == server.Status(running=False, pid=None, clients=0)


def test_stopping_what_never_ran_is_harmless(data):
    assert server.stop(data) is True


def test_safety_is_not_tuned_away(data):
    with connect(data) as connection:
        settings = dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())
    assert (settings["fsync"], settings["full_page_writes"], settings["data_checksums"]) == ("on", "on", "on")
    assert settings["max_wal_size"] == "4096"  # MB: our file is read at all


def test_only_its_user_can_reach_it(data):
    connect(data).close()
    socket_folder = Path(server.address(data)["host"])
    assert socket_folder.stat().st_mode & 0o077 == 0


def test_an_unknown_locale_does_not_matter(nightshift_home):
    environment = {**os.environ, "LANG": "xx_YY.UTF-8", "LC_ALL": "xx_YY.UTF-8"}
    command = [sys.executable, "-c", START, str(nightshift_home / "pg")]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_white_space_in_the_path_is_a_sentence(tmp_path):
    with pytest.raises(server.ServerFault, match="white space"):
        server.ensure(tmp_path / "my files" / "pg")


def test_a_path_too_long_for_a_socket_works_and_stays_private(nightshift_home):
    data = nightshift_home / ("long-" + "x" * 80) / "pg"
    try:
        with connect(data) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert Path(server.address(data)["host"]).stat().st_mode & 0o077 == 0
    finally:
        server.stop(data, even_if_connected=True)


def test_a_pid_file_of_a_zombie_is_stale(data):
    connect(data).close()
    lines = (data / "postmaster.pid").read_text().splitlines()
    kill_postmaster(data)
    zombie = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    (data / "postmaster.pid").write_text("\n".join([str(zombie.pid), *lines[1:]]) + "\n")
    connect(data).close()
    zombie.wait()
    assert server.status(data).running


def test_ctrl_c_in_the_terminal_does_not_reach_it(data):
    connect(data).close()
    assert os.getsid(server.status(data).pid) != os.getsid(0)
