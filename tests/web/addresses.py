"""Every address of the product by who may open it, and the rows that the addresses name."""

from datetime import UTC, date, datetime
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from labeling.models import LabelingTaskVersion, Night, SelectedDocument, Selection, TokenCount
from labeling.states import BatchState, FailureReason
from tests.factories import make_batch, make_document, make_request, make_result, make_task, make_upload, make_version

Kwargs = dict[str, dict[str, Any]]
CAUSE: dict[str, Any] = {"slug": "colors", "reason": FailureReason.NOT_A_LABEL}
DAY = date(2026, 11, 19)
NEED: dict[str, Any] = {"key": "decision--colors--not_a_label"}
PAGES: Kwargs = {
    "night": {},
    "nights": {},
    "night_of": {"day": DAY},
    "uploads": {},
    "upload": {"pk": 900_001},
    "upload_refused": {"pk": 900_001},
    "upload_original": {"pk": 900_001},
    "upload_labels": {"pk": 900_001, "form": "csv"},
    "documents": {},
    "document": {"pk": 900_001},
    "selection": {"key": "Ab12Cd34Ef56"},
    "selection_labels": {"key": "Ab12Cd34Ef56", "form": "csv"},
    "batches": {},
    "batch": {"pk": 900_001},
    "batch_requests": {"pk": 900_001},
    "batch_results": {"pk": 900_001},
    "doubts": {},
    "doubt": {"pk": 900_002},
    "decisions": {},
    "cause": CAUSE,
    "cause_csv": CAUSE,
    "failures_csv": {},
    "savings": {},
    "limits": {},
    "savings_csv": {},
    "tasks": {},
    "task": {"slug": "colors"},
    "task_labels": {"slug": "colors", "form": "jsonl"},
    "trial": {"slug": "colors", "pk": 900_002},
    "activity": {},
    "activity_csv": {},
    "restored": {},
    "settings": {},
}
LIVE: Kwargs = {
    "restored_live": {},
    "night_live": {},
    "night_of_live": {"day": DAY},
    "uploads_live": {},
    "upload_live": {"pk": 900_001},
    "selection_live": {"key": "Ab12Cd34Ef56"},
    "batches_live": {},
    "batch_live": {"pk": 900_001},
    "doubts_live": {},
    "doubt_live": {"pk": 900_002},
    "decisions_live": {},
    "tokens_live": {"digest": "0" * 64},
    "trial_live": {"slug": "colors", "pk": 900_002},
    "going_again_live": {},
    "cause_live": CAUSE,
}
DRAFT: dict[str, Any] = {"slug": "colors", "number": 2}
OPERATOR_PAGES: Kwargs = {
    "upload_new": {},
    "task_new": {},
    "task_edit": {"slug": "colors"},
    "version_use": DRAFT,
    "need": NEED,
    "upload_withdraw": {"pk": 900_001},
    "upload_again": {"pk": 900_001},
}
ADMIN_PAGES: Kwargs = {"erase": {}, "accounts": {}}
ADMIN_COMMANDS: Kwargs = {
    "restored_settle": {},
    "task_retention": {"slug": "colors"},
    "choose_zone": {},
    "send_test": {},
    "limit_release": {},
    "account_role": {"pk": 900_001},
    "account_active": {"pk": 900_001},
}
ADMIN_FORMS: Kwargs = {"account_add": {}, "account_password": {"pk": 900_001}}
"""Commands that answer with a page: what they show is shown once."""
COMMANDS: Kwargs = {
    "pause": {},
    "resume": {},
    "need_take": NEED,
    "leaving_hold": {"slug": "colors"},
    "leaving_release": {"slug": "colors"},
    "leaving_send": {"slug": "colors"},
    "leaving_undo": {"slug": "colors"},
    "need_give_back": NEED,
    "upload_columns": {"pk": 900_001},
    "upload_confirm": {"pk": 900_001},
    "upload_discard": {"pk": 900_001},
    "upload_way": {"pk": 900_001},
    "upload_undo": {"pk": 900_001},
    "upload_hold": {"pk": 900_001},
    "upload_release": {"pk": 900_001},
    "upload_restore": {"pk": 900_001},
    "trial_send": {"pk": 900_001},
    "trial_discard": {"pk": 900_001},
    "task_send": {"slug": "colors"},
    "task_undo": {"slug": "colors"},
    "batch_cancel": {"pk": 900_001},
    "batch_prove": {"pk": 900_001},
    "batch_again": {"pk": 900_001},
    "batch_close": {"pk": 900_001},
    "doubt_adopt": {"pk": 900_002},
    "doubt_absent": {"pk": 900_002},
    "selection_again": {"key": "Ab12Cd34Ef56"},
    "selection_withdraw": {"key": "Ab12Cd34Ef56"},
    "selection_restore": {"key": "Ab12Cd34Ef56"},
    "decision_retry": CAUSE,
    "decision_close": CAUSE,
    "decision_reopen": CAUSE,
    "decisions_retry_safe": {},
    "going_again_stop": {"slug": "colors"},
    "cause_send": CAUSE,
    "cause_try": CAUSE,
    "cause_raise": CAUSE,
    "task_pause": {"slug": "colors"},
    "task_resume": {"slug": "colors"},
    "task_move": {"slug": "colors"},
    "version_try": DRAFT,
    "version_put_in_use": DRAFT,
    "version_discard": DRAFT,
}
CHOOSING: Kwargs = {"selection_new": {}, "selection_pasted": {}}
"""Commands that change no document: whoever may look may choose what to look at."""

EDITOR_PARTS: Kwargs = {"task_preview": {}, "task_count": {}}
PRICED: Kwargs = {"cause_ticked": CAUSE, "batch_ticked": {"pk": 900_001}}
"""What the ticked rows would cost: nothing is changed."""

OPEN = {"login", "password_change", "theme", "health", "workers_health", "offline", "service_worker"}


def furnish() -> LabelingTaskVersion:
    """One of everything, with the ids that the addresses above name; returns the version in use."""
    User.objects.create_user("somebody", pk=900_001)
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


def url(name: str) -> str:
    kwargs = {
        **PAGES,
        **LIVE,
        **OPERATOR_PAGES,
        **ADMIN_PAGES,
        **COMMANDS,
        **ADMIN_COMMANDS,
        **ADMIN_FORMS,
        **CHOOSING,
        **EDITOR_PARTS,
        **PRICED,
    }[name]
    return reverse(name, kwargs=kwargs) + ("?u=900001" if name == "erase" else "")
