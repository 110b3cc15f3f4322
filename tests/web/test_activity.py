"""Who did what, when: filters, paging, before and after, CSV."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labeling import activity
from labeling.models import Activity, BatchEvent
from tests.factories import make_batch
from tests.web.reading import see


@pytest.fixture
def lines(db: None) -> None:
    """An act of a person, one of a command, one that changed something, and a move of a batch."""
    ada = User.objects.create_user("ada")
    activity.record(ada, "Paused everything: wrong labels")
    activity.record("import_documents", "Imported letters.csv", "U-3")
    activity.record(ada, "Changed the night", "settings", night=["21:30", "22:00"])
    BatchEvent.objects.create(batch=make_batch(pk=900_001), old="in_progress", new="ended", by="poll")


def test_people_and_workers_stand_in_one_line_of_time(viewer: Client, lines: None) -> None:
    seen = see(viewer, "/activity/")
    assert re.search(r"poll worker ended B-900001 in progress → ended", seen)
    assert re.search(r"ada Changed the night settings night 21:30 → 22:00", seen)
    assert "import_documents command or worker Imported letters.csv U-3" in seen
    assert seen.index("poll") < seen.index("Imported letters.csv") < seen.index("Paused everything")


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("who=people", "Paused everything", "Imported letters"),
        ("who=workers", "Imported letters", "Paused everything"),
        ("who=ada", "Paused everything", "Imported letters"),
        ("by=ada", "Paused everything", "Imported letters"),
        ("kind=moves", "poll", "Paused everything"),
        ("kind=acts", "Paused everything", "poll worker"),
        ("what=WRONG", "Paused everything", "Imported letters"),
        ("subject=U-3", "Imported letters", "Paused everything"),
        ("subject=B-900001", "poll", "Paused everything"),
        ("subject=B-nonsense", "Nothing is like this", "Paused everything"),
        ("from=2999-01-01", "Nothing is like this", "Paused everything"),
        ("to=1999-01-01", "Nothing is like this", "Paused everything"),
        ("from=nonsense&to=2026-02-31", "Paused everything", "Nothing is like this"),
    ],
)
def test_filters_are_in_the_address(viewer: Client, lines: None, query: str, shown: str, hidden: str) -> None:
    seen = see(viewer, f"/activity/?{query}")
    assert shown in seen
    assert hidden not in seen


def test_a_day_is_one_of_the_readers_zone(viewer: Client, lines: None) -> None:
    Activity.objects.all().update(at=datetime(2026, 5, 1, 22, 30, tzinfo=UTC))
    viewer.cookies["nightshift_zone"] = "Europe/Berlin"
    assert "Paused everything" in see(viewer, "/activity/?from=2026-05-02&to=2026-05-02")
    assert "Paused everything" not in see(viewer, "/activity/?from=2026-05-01&to=2026-05-01")


def test_pages_go_on_without_a_gap_and_without_a_repeat(viewer: Client) -> None:
    batch = make_batch()
    for number in range(70):
        activity.record("tests", f"act number {number}.")
        BatchEvent.objects.create(batch=batch, old="ended", new="ingested", by="tests", why=f"move number {number}.")
    seen: list[str] = []
    path = "/activity/"
    while path:
        html = viewer.get(path).content.decode()
        seen += re.findall(r"(?:act|move) number \d+\.", html)
        older = re.search(r'href="([^"]*before=[^"]+)">Older', html)
        path = f"/activity/{older[1].replace('&amp;', '&')}" if older else ""
    assert len(seen) == 140
    assert len(set(seen)) == 140


@pytest.mark.parametrize("before", ["x", "-", "1", "1-", "-1", "²-1", "9" * 40 + "-1"])
def test_a_place_that_is_none_shows_the_newest(viewer: Client, lines: None, before: str) -> None:
    assert "Paused everything" in see(viewer, f"/activity/?before={before}")


def test_the_csv_has_what_the_filters_let_through(viewer: Client, lines: None) -> None:
    response = viewer.get("/activity/activity.csv?who=ada")
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode())))
    assert [row["what"] for row in rows] == ["Changed the night", "Paused everything: wrong labels"]
    assert rows[0]["before and after"] == "night: 21:30 → 22:00"
    assert rows[0]["person"] == "yes"


def test_no_cell_of_the_csv_is_a_formula(viewer: Client) -> None:
    activity.record("tests", "=HYPERLINK(1)")
    assert b"'=HYPERLINK" in b"".join(viewer.get("/activity/activity.csv"))


def test_before_and_after_of_prices_names_only_what_changed(viewer: Client) -> None:
    activity.record(
        "ada", "Changed the price", before={"input": "1", "output": "5"}, after={"input": "2", "output": "5"}
    )
    seen = see(viewer, "/activity/")
    assert "input 1 → 2" in seen
    assert "output" not in seen


def test_ids_of_documents_are_no_change(viewer: Client) -> None:
    activity.record("ada", "Sent two again", documents=[12, 13])
    assert "12 → 13" not in see(viewer, "/activity/")


def test_markup_in_a_sentence_is_shown_as_it_is(viewer: Client) -> None:
    activity.record("ada", "<script>alert(1)</script>", "task:<b>")
    assert b"<script>alert" not in viewer.get("/activity/").content
