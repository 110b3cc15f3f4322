"""The table of every address: who may come in and how, and what it leads to in the house of `furnish`.

A new address gets a row here, or tests/web/test_access.py fails. The roles are in the order of what
they may: who may do something, may do it with every role further down too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import IntEnum
from typing import Any

from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from labeling.models import LabelingTaskVersion, Night, Restoration, SelectedDocument, Selection, StrayLine, TokenCount
from labeling.states import BatchState, FailureReason
from tests.factories import make_batch, make_document, make_request, make_result, make_task, make_upload, make_version


class Who(IntEnum):
    STRANGER = 0
    NOBODY = 1
    """Signed in, and without a role."""
    VIEWER = 2
    OPERATOR = 3
    ADMIN = 4


@dataclass(frozen=True)
class Address:
    name: str
    who: Who
    """The least role that may come in."""
    methods: tuple[str, ...]
    place: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    is_live: bool = False
    answers: frozenset[int] = frozenset({302})
    """What a POST with little more than a way and a reason may be answered with."""

    @property
    def url(self) -> str:
        return reverse(self.name, kwargs=self.place) + self.query

    def leading_to(self, part: str, value: object) -> str:
        """The address with something else in the place of one of its parts."""
        beginning, _, end = self.url.rpartition(str(self.place[part]))
        return f"{beginning}{value}{end}"


def page(name: str, who: Who = Who.VIEWER, *, query: str = "", **place: Any) -> Address:
    return Address(name, who, ("GET",), place, query)


def live(name: str, **place: Any) -> Address:
    return Address(name, Who.VIEWER, ("GET",), place, is_live=True)


def command(name: str, who: Who = Who.OPERATOR, *, shows: int = 302, **place: Any) -> Address:
    """`shows` is 200 for a command whose answer is a page: what it shows is shown once."""
    return Address(name, who, ("POST",), place, answers=frozenset({shows}))


def form(name: str, who: Who = Who.OPERATOR, *, query: str = "", **place: Any) -> Address:
    """A page with a form that comes back to the same address."""
    return Address(name, who, ("GET", "POST"), place, query, answers=frozenset({200, 302, 404, 409, 422, 429}))


DAY = date(2026, 11, 19)
CAUSE: dict[str, Any] = {"slug": "colors", "reason": FailureReason.NOT_A_LABEL}
DRAFT: dict[str, Any] = {"slug": "colors", "number": 2}
NEED: dict[str, Any] = {"key": "decision--colors--not_a_label"}
TASK: dict[str, Any] = {"slug": "colors"}
CHOSEN: dict[str, Any] = {"key": "Ab12Cd34Ef56"}
HERE: dict[str, Any] = {"pk": 900_001}
IN_DOUBT: dict[str, Any] = {"pk": 900_002}

TABLE = (
    # The night, and what needs a person
    page("night"),
    live("night_live"),
    page("nights"),
    page("night_of", day=DAY),
    live("night_of_live", day=DAY),
    page("need", Who.OPERATOR, **NEED),
    command("need_take", **NEED),
    command("need_give_back", **NEED),
    command("leaving_hold", **TASK),
    command("leaving_release", **TASK),
    command("leaving_send", **TASK),
    command("leaving_undo", **TASK),
    command("pause"),
    command("resume"),
    # Uploads
    page("uploads"),
    live("uploads_live"),
    form("upload_new"),
    page("upload", **HERE),
    live("upload_live", **HERE),
    command("upload_columns", **HERE),
    command("upload_confirm", **HERE),
    command("upload_discard", **HERE),
    command("upload_way", **HERE),
    command("upload_undo", **HERE),
    command("trial_send", **HERE),
    command("trial_discard", **HERE),
    command("upload_hold", **HERE),
    command("upload_release", **HERE),
    form("upload_withdraw", **HERE),
    command("upload_restore", **HERE),
    form("upload_again", **HERE),
    page("upload_refused", **HERE),
    page("upload_original", **HERE),
    page("upload_labels", **HERE, form="csv"),
    # Documents
    page("documents"),
    page("document", **HERE),
    command("selection_new", Who.VIEWER),
    command("selection_pasted", Who.VIEWER),
    page("selection", **CHOSEN),
    live("selection_live", **CHOSEN),
    command("selection_again", **CHOSEN),
    command("selection_withdraw", **CHOSEN),
    command("selection_restore", **CHOSEN),
    page("selection_labels", **CHOSEN, form="csv"),
    # Batches and doubtful submissions
    page("batches"),
    live("batches_live"),
    page("batch", **HERE),
    live("batch_live", **HERE),
    command("batch_cancel", **HERE),
    command("batch_again", **HERE),
    command("batch_ticked", shows=200, **HERE),
    command("batch_close", **HERE),
    command("batch_prove", **HERE),
    page("batch_requests", **HERE),
    page("batch_results", **HERE),
    page("doubts"),
    live("doubts_live"),
    page("doubt", **IN_DOUBT),
    live("doubt_live", **IN_DOUBT),
    command("doubt_adopt", **IN_DOUBT),
    command("doubt_absent", **IN_DOUBT),
    # Decisions
    page("decisions"),
    page("failures_csv"),
    command("decisions_retry_safe"),
    live("decisions_live"),
    live("going_again_live"),
    command("going_again_stop", **TASK),
    page("cause", **CAUSE),
    live("cause_live", **CAUSE),
    page("cause_csv", **CAUSE),
    command("decision_retry", **CAUSE),
    command("cause_send", **CAUSE),
    command("cause_ticked", shows=200, **CAUSE),
    command("cause_try", **CAUSE),
    command("cause_raise", **CAUSE),
    command("decision_close", **CAUSE),
    command("decision_reopen", **CAUSE),
    # Money
    page("savings"),
    page("savings_csv"),
    page("limits"),
    command("limit_release", Who.ADMIN),
    # Labeling tasks
    page("tasks"),
    form("task_new"),
    command("task_preview", shows=200),
    command("task_count", shows=200),
    live("tokens_live", digest="0" * 64),
    page("task", **TASK),
    form("task_edit", **TASK),
    command("task_pause", **TASK),
    command("task_resume", **TASK),
    command("task_send", **TASK),
    command("task_undo", **TASK),
    command("task_move", **TASK),
    command("task_retention", Who.ADMIN, **TASK),
    page("task_labels", **TASK, form="jsonl"),
    command("version_try", **DRAFT),
    page("trial", slug="colors", **IN_DOUBT),
    live("trial_live", slug="colors", **IN_DOUBT),
    page("version_use", Who.OPERATOR, **DRAFT),
    command("version_put_in_use", **DRAFT),
    command("version_discard", **DRAFT),
    # The house
    page("activity"),
    page("activity_csv"),
    Address("settings", Who.VIEWER, ("GET", "POST"), answers=frozenset({302, 409, 422})),
    command("choose_zone", Who.ADMIN),
    command("send_test", Who.ADMIN),
    page("restored"),
    page("unknown_answers", pk=900_001),
    live("restored_live"),
    command("restored_settle", Who.ADMIN),
    form("erase", Who.ADMIN, query="?u=900001"),
    # People
    page("accounts", Who.ADMIN),
    command("account_add", Who.ADMIN, shows=200),
    command("account_role", Who.ADMIN, **HERE),
    command("account_active", Who.ADMIN, **HERE),
    command("account_password", Who.ADMIN, shows=200, **HERE),
    form("login", Who.STRANGER),
    command("logout", Who.NOBODY),
    form("password_change", Who.NOBODY),
    page("password_change_done", Who.NOBODY),
    # Whoever asks
    command("theme", Who.STRANGER),
    page("offline", Who.STRANGER),
    page("service_worker", Who.STRANGER),
    page("health", Who.STRANGER),
    page("workers_health", Who.STRANGER),
    page("web_health", Who.STRANGER),
)

FILLED = {"way": "now", "reason": "because", "name": "nora", "role": "viewer"}
"""Sent along with every POST: enough for most commands to do what they are there for."""


def furnish() -> LabelingTaskVersion:
    """One of everything, with the ids that the table names; returns the version in use."""
    User.objects.create_user("somebody", pk=900_001)
    now = timezone.now()
    times = dict.fromkeys(("backup_made_at", "restored_at", "listed_from", "listed_until", "settled_at"), now)
    restoration = Restoration.objects.create(pk=900_001, restored_by="ada", **times)
    restoration.found.create(message_batch_id="msgbatch_since", created_at=now, requests=1)
    StrayLine.objects.create(message_batch_id="msgbatch_since", why="no_document", line="{}", line_sha256="0")
    Night.objects.create(date=DAY, due_at=datetime(2026, 11, 19, tzinfo=UTC))
    version = make_version(make_task(slug="colors"))
    tried = make_upload(make_version(version.task, draft=True), pk=900_002, kind="trial")
    make_document(tried, text="a thing to try on")
    TokenCount.objects.create(digest="0" * 64, asked_at=timezone.now(), tokens=12, counted_at=timezone.now())
    upload = make_upload(version, pk=900_001)
    batch = make_batch(version, pk=900_001)
    make_batch(version, pk=900_002, state=BatchState.UNKNOWN)
    labeled = make_document(upload, pk=900_001, text="a red thing")
    make_result(make_request(labeled, batch=batch), answer="red")
    make_document(upload, state="failed", failure_reason=FailureReason.NOT_A_LABEL)
    make_document(upload)
    selection = Selection.objects.create(key="Ab12Cd34Ef56", created_by="ada", documents=1, frozen_at=timezone.now())
    SelectedDocument.objects.create(selection=selection, document=labeled)
    return version


def patterns(resolver: URLResolver | None = None) -> Iterator[URLPattern]:
    """Every pattern of the house but those of the admin, which has a namespace and a table of its own."""
    for found in (resolver or get_resolver()).url_patterns:
        if isinstance(found, URLPattern):
            yield found
        elif found.namespace is None:
            yield from patterns(found)
