"""How the house runs: gates with pause and resume, settings, heartbeats, activity, the book, and its counters."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from labeling.configuration import Configuration, fixed_by_environment, variable
from labeling.models import (
    Activity,
    DocumentTally,
    FailureTally,
    Gate,
    Heartbeat,
    LedgerCheck,
    RequestTally,
    Setting,
    Taken,
    Tryout,
    UnfinishedWork,
    Upload,
)
from labeling.pipeline import pausing

from . import settling
from .base import LookAdmin, confirmed, link


class PauseForm(forms.Form):
    reason = forms.CharField(max_length=500, label="Reason", help_text="Everybody reads it while sending is paused")


@admin.register(Gate)
class GateAdmin(LookAdmin):
    list_display = ("scope", "closed_at", "closed_by", "kind", "reason")
    list_select_related = ("task",)
    ordering = ("pk",)
    actions = ("pause", "resume")

    @admin.display(description="what it holds back")
    def scope(self, gate: Gate) -> str:
        return str(gate.task) if gate.task else "everything"

    @admin.action(description="Pause…", permissions=["operate"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Gate]) -> HttpResponse | None:
        open_gates = [gate for gate in queryset if not gate.closed_at]
        form = PauseForm(confirmed(request))
        if open_gates and not form.is_valid():
            return self.ask(
                request,
                queryset,
                action="pause",
                title=f"Pause {', '.join(self.scope(gate) for gate in open_gates)}",
                form=form,
                button="Pause",
                sentences=["Nothing is claimed for sending any more; polls and results go on."],
            )
        for gate in queryset:
            if gate in open_gates:
                self._pause(request, gate, form.cleaned_data["reason"])
            else:
                self._tell_paused_already(request, gate)
        return None

    @admin.action(description="Resume (the gate of everything opens every gate)", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Gate]) -> None:
        chosen = list(queryset)
        if any(gate.task is None and gate.closed_at for gate in chosen):
            try:
                sentences = pausing.resume_everything(by=request.user)
            except pausing.NotResumed as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
                return
            for sentence in sentences:
                self.message_user(request, sentence)
            return
        for gate in chosen:
            if gate.task and pausing.resume_task(gate.task, by=request.user):
                self.message_user(request, f"{gate.task} leaves again; {gate.closed_by} had paused it: {gate.reason}")
            else:
                self.message_user(request, f"{self.scope(gate)} is not paused.", messages.WARNING)

    def _pause(self, request: HttpRequest, gate: Gate, reason: str) -> None:
        if gate.task:
            changed, claimed = pausing.pause_task(gate.task, by=request.user, reason=reason), []
        else:
            paused = pausing.pause_everything(by=request.user, reason=reason)
            changed, claimed = paused.changed, paused.claimed
        if not changed:
            gate.refresh_from_db()
            self._tell_paused_already(request, gate)
            return
        under_way = f" Claimed before and may still leave: {', '.join(claimed)}." if claimed else ""
        self.message_user(request, f"Paused {self.scope(gate)}.{under_way}")

    def _tell_paused_already(self, request: HttpRequest, gate: Gate) -> None:
        sentence = f"{self.scope(gate)} is paused already, by {gate.closed_by}: {gate.reason}"
        self.message_user(request, sentence, messages.WARNING)


@admin.register(Setting)
class SettingAdmin(LookAdmin):
    """Looked at here and changed where its bounds are checked."""

    beside = ("meaning", "change_it", "fixed")
    list_display = ("key", "value", "meaning", "fixed", "updated_at", "updated_by")
    ordering = ("key",)

    @admin.display(description="meaning")
    def meaning(self, setting: Setting) -> str:
        field = Configuration.model_fields.get(setting.key)
        return str(field.description) if field else "Kept by Nightshift for itself"

    @admin.display(description="to change it")
    def change_it(self, setting: Setting) -> str:
        if setting.key not in Configuration.model_fields:
            return "Nobody changes it."
        return (
            f"On the page Settings of Nightshift, which checks its bounds, or by the variable {variable(setting.key)}."
        )

    @admin.display(description="fixed by the environment", boolean=True)
    def fixed(self, setting: Setting) -> bool:
        return setting.key in fixed_by_environment()


@admin.register(Heartbeat)
class HeartbeatAdmin(LookAdmin):
    list_display = ("queue", "host", "beaten_at", "doing")
    ordering = ("-beaten_at",)


@admin.register(Activity)
class ActivityAdmin(LookAdmin):
    list_display = ("at", "by", "sentence", "subject")
    search_fields = ("subject",)
    search_help_text = "A subject: U-12, B-12, task:invoices"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Activity], search_term: str
    ) -> tuple[QuerySet[Activity], bool]:
        term = search_term.strip()
        return (queryset.filter(subject=term) if term else queryset), False


@admin.register(Taken)
class TakenAdmin(LookAdmin):
    list_display = ("key", "by", "note", "at")
    ordering = ("key",)


@admin.register(Tryout)
class TryoutAdmin(LookAdmin):
    list_display = ("task", "reason", "version", "started_at", "started_by")
    list_select_related = ("task", "version__task")


@admin.register(UnfinishedWork)
class UnfinishedWorkAdmin(LookAdmin):
    list_display = ("__str__", "tries", "last_at")
    actions = ("try_again",)

    @admin.action(description="Set aside: try again", permissions=["operate"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[UnfinishedWork]) -> None:
        settling.try_again(self, request, queryset)


@admin.register(LedgerCheck)
class LedgerCheckAdmin(LookAdmin):
    beside = ("both_sides",)
    left_out = ("identities",)
    list_display = ("checked_at", "holds")

    @admin.display(description="identities")
    def both_sides(self, check: LedgerCheck) -> SafeString:
        rows: list[dict[str, Any]] = check.identities
        return format_html(
            "<ul>{}</ul>",
            format_html_join(
                "",
                "<li>{}: {} and {}{}</li>",
                ((row["name"], row["left"], row["right"], "" if row["holds"] else ": DOES NOT HOLD") for row in rows),
            ),
        )


@admin.register(DocumentTally)
class DocumentTallyAdmin(LookAdmin):
    list_display = ("id", "of_upload", "version", "state", "way", "documents")
    list_select_related = ("version__task",)

    @admin.display(description="upload")
    def of_upload(self, tally: DocumentTally) -> SafeString:
        return link(Upload, tally.upload_id, f"U-{tally.upload_id}")


@admin.register(FailureTally)
class FailureTallyAdmin(LookAdmin):
    list_display = ("id", "version", "failure_reason", "documents")
    list_select_related = ("version__task",)


@admin.register(RequestTally)
class RequestTallyAdmin(LookAdmin):
    list_display = ("id", "batch_id", "lane", "outcome", "requests")
