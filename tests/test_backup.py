"""One file from which the whole installation comes back, and nothing that left in between is paid again."""

import json
import zipfile
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.faults.cases", "tests.faults.house", "tests.faults.restoring")

from tests.faults.cases import book_balances, every_document_once  # noqa: E402
from tests.faults.house import House  # noqa: E402
from tests.faults.playing import worlds_of_their_own  # noqa: E402
from tests.faults.restoring import FILLING, backed_up, database_of, looked_up, put_back, settled  # noqa: E402
from tests.faults.worlds import WORLDS, Worlds  # noqa: E402

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with worlds_of_their_own() as worlds:
        yield worlds


@pytest.fixture
def house(worlds: Worlds) -> Iterator[House]:
    with worlds.house("three batches") as house:
        yield house


def everything(house: House) -> dict[str, list[tuple]]:
    """The rows of every table that a backup keeps, but those that a restore writes itself."""
    names = house.rows(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(labeling|auth)_' ORDER BY relname"
    )
    own = ("labeling_heartbeat", "labeling_gate", "labeling_activity", "labeling_restoration", "auth_group_permissions")
    return {name: sorted(house.rows(f"SELECT t::text FROM {name} t")) for (name,) in names if name not in own}


def test_a_night_that_left_after_the_backup_is_neither_lost_nor_paid_again(house):
    path = backed_up(house)
    assert house.until_idle() == 0, house.said()
    charged = house.account()["requests_charged"]
    put_back(house, path)
    assert house.status()["documents"]["queued"] == len(WORLDS["three batches"].texts)
    looked_up(house)
    assert house.status()["restored"]["batches"] == {"listed": 3, "ours": 3, "running": 0}
    settled(house)
    assert house.until_idle() == 0, house.said()
    every_document_once(house, WORLDS["three batches"])
    assert house.account()["requests_charged"] == charged


def test_until_it_is_settled_nothing_leaves_and_nobody_resumes(house):
    path = backed_up(house)
    put_back(house, path)
    assert house.run("resume") == 1
    assert house.until_idle() == 1
    assert "Restored from the backup of" in house.said()
    assert house.run("settle_restore", "1") == 1
    assert house.account()["batches_accepted"] == 0
    settled(house)
    assert house.until_idle() == 0, house.said()
    every_document_once(house, WORLDS["three batches"])


def test_the_rows_come_back_as_they_were_and_the_book_balances(house):
    assert house.until_idle() == 0, house.said()
    house.rows("UPDATE labeling_batch SET lease_until = NULL")
    before = everything(house)
    path = backed_up(house)
    put_back(house, path)
    assert everything(house) == before
    book_balances(house.status())
    assert house.value("SELECT nextval(pg_get_serial_sequence('labeling_upload', 'id'))") == 2


def test_documents_that_came_in_after_the_backup_are_counted_and_their_answers_kept(house):
    path = backed_up(house)
    more = house.home / "more.txt"
    more.write_text("This one came in later and was green.\n")
    assert house.run("import_documents", str(more), "--task", "colors", "--leave", "now") == 0
    assert house.until_idle() == 0, house.said()
    put_back(house, path)
    looked_up(house)
    restored = house.status()["restored"]
    assert restored["unknown_documents"] == 1
    assert float(restored["unknown_paid_usd"]) > 0
    assert restored["unknown_unpriced"] == 0
    kept = house.rows("SELECT why, line FROM labeling_strayline")
    assert [why for why, _ in kept] == ["no_document"]
    assert "green" in kept[0][1]
    assert house.value("SELECT nextval('labeling_document_id_seq')") > 1_000_000


def test_what_was_urgent_at_the_time_of_the_backup_waits_for_a_person(worlds):
    with worlds.house("urgent") as house:
        path = backed_up(house)
        assert house.until_idle() == 0, house.said()
        put_back(house, path)
        states = house.rows("SELECT DISTINCT state, failure_reason FROM labeling_document")
        assert states == [("failed", "unclear")]
        assert house.status()["restored"]["unclear"] == len(WORLDS["urgent"].texts)
        book_balances(house.status())


def test_a_backup_that_is_damaged_foreign_or_newer_changes_nothing(house):
    path = backed_up(house)
    before = everything(house)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    damaged, cut, foreign, newer = (house.home / f"{name}.backup" for name in ("damaged", "cut", "foreign", "newer"))
    damaged.write_bytes(content)
    cut.write_bytes(path.read_bytes()[:-100])
    foreign.write_text("no zip at all")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(newer, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "manifest.json":
                manifest = json.loads(data)
                manifest["migrations"].append(["labeling", "9999_of_tomorrow"])
                data = json.dumps(manifest).encode()
            new.writestr(name, data)
    for broken in (damaged, cut, foreign, newer, house.home / "nowhere.backup"):
        assert house.run("restore", str(broken), "--replace", database_of(house)) == 2, broken
    said = house.said()
    assert "is damaged" in said
    assert "no complete backup" in said
    assert "newer Nightshift" in said
    assert "Traceback" not in (house.home / "logs" / "said.txt").read_text()
    assert everything(house) == before
    assert house.run("backup", "--verify", str(path)) == 0
    assert house.run("backup", "--verify", str(damaged)) == 2


def test_what_is_not_empty_is_replaced_only_by_its_name_and_only_when_nobody_uses_it(house):
    path = backed_up(house)
    before = everything(house)
    assert house.run("restore", str(path)) == 1
    assert house.run("restore", str(path), "--replace", "another") == 1
    held = house.start("manage.py", "metronome", DJANGO_SETTINGS_MODULE="batchsite.settings")
    house.until(lambda: house.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") > 1)
    assert house.run("restore", str(path), "--replace", database_of(house)) == 1
    held.terminate()
    house.finish(held)
    assert "other connection" in house.said()
    assert everything(house) == before


def test_a_restore_that_breaks_off_leaves_everything_as_it_was(house):
    path = backed_up(house)
    before = everything(house)
    running = house.start("manage.py", "restore", str(path), "--replace", database_of(house), fault=f"{FILLING}=kill")
    assert house.finish(running) == -9, house.said()
    assert everything(house) == before


def test_an_empty_installation_takes_a_backup_with_its_files(house, worlds):
    more = house.home / "more.txt"
    more.write_text("This one was green.\n")
    assert house.run("import_documents", str(more), "--task", "colors") == 0
    path = backed_up(house)
    with worlds.empty_house() as other:
        assert other.run("restore", str(path)) == 0, other.said()
        assert everything(other) == everything(house)
        files = sorted(file.name for file in (other.home / "uploads").rglob("*") if file.is_file())
        assert files == [house.value("SELECT sha256 FROM labeling_upload WHERE file_name = 'more.txt'")]


def test_the_database_that_comes_with_it_takes_the_backup_of_another_server_once_and_again(worlds):
    with worlds.house("one batch") as house, worlds.new_house_with_server() as other:
        path, before = backed_up(house), everything(house)
        assert other.run("restore", str(path)) == 0, other.said()
        assert everything(other) == before
        put_back(other, path)
        assert everything(other) == before
        book_balances(other.status())


def test_a_backup_of_an_older_version_is_brought_up_to_date(worlds):
    """The tables are those of the version that made it: seven migrations lie between, some of which count rows."""
    with worlds.house("one batch") as house:
        assert house.until_idle() == 0, house.said()
        before = rows_of_documents(house)
        assert house.run("migrate", "labeling", OLDER, "--verbosity", "0") == 0, house.said()
        path = backed_up(house)
        with zipfile.ZipFile(path) as file:
            manifest = json.loads(file.read("manifest.json"))
        assert ["labeling", "0022_failure_tallies"] not in manifest["migrations"]
        assert "labeling_batchshare" not in manifest["tables"]
        put_back(house, path)
        assert rows_of_documents(house) == before
        assert house.value("SELECT sum(requests) FROM labeling_batchshare") == WORLDS["one batch"].leaders
        book_balances(house.status())
        looked_up(house)
        settled(house)
        assert house.until_idle() == 0, house.said()
        every_document_once(house, WORLDS["one batch"])


OLDER = "0021_answers_of_no_use"


def rows_of_documents(house: House) -> list[tuple]:
    return house.rows("SELECT id, state, attempts, sha256, result_id FROM labeling_document ORDER BY id")
