"""The pages and commands of the product."""

from datetime import date

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from labeling.states import FailureReason
from labeling.views import (
    accounts,
    activity,
    batches,
    cause,
    decisions,
    documents,
    doubts,
    downloads,
    editor,
    erasing,
    house,
    leaving,
    limits,
    needs,
    night,
    receipts,
    restored,
    savings,
    selections,
    settings,
    sign_in,
    tasks,
    tries,
    uploads,
    versions,
)


class TextConverter(StringConverter):
    """Text without NUL, which nothing in the database can hold, so an address with it is not found."""

    regex = r"[^/\0]+"


class ReasonConverter:
    """A failure reason in an address; anything else is not found."""

    regex = "|".join(FailureReason)

    def to_python(self, value: str) -> FailureReason:
        return FailureReason(value)

    def to_url(self, value: str) -> str:
        return str(value)


class DateConverter:
    """A local date in an address, as in N-2026-11-19; one that the calendar lacks is not found."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value: str) -> date:
        return date.fromisoformat(value)

    def to_url(self, value: date) -> str:
        return value.isoformat()


register_converter(TextConverter, "text")
register_converter(ReasonConverter, "reason")
register_converter(DateConverter, "date")

urlpatterns = [
    path("", night.night, name="night"),
    path("live/night", night.night_live, name="night_live"),
    path("nights/", night.all_nights, name="nights"),
    path("nights/<date:day>/", night.night_of, name="night_of"),
    path("live/nights/<date:day>", night.night_of_live, name="night_of_live"),
    path("needs/<text:key>/", needs.need, name="need"),
    path("needs/<text:key>/take", needs.take, name="need_take"),
    path("needs/<text:key>/give-back", needs.give_back, name="need_give_back"),
    path("leaving/<slug:slug>/hold", leaving.hold, name="leaving_hold"),
    path("leaving/<slug:slug>/release", leaving.release, name="leaving_release"),
    path("leaving/<slug:slug>/send", leaving.send, name="leaving_send"),
    path("leaving/<slug:slug>/undo", leaving.undo, name="leaving_undo"),
    path("pause", night.pause, name="pause"),
    path("resume", night.resume, name="resume"),
    path("uploads/", uploads.uploads, name="uploads"),
    path("live/uploads", uploads.uploads_live, name="uploads_live"),
    path("uploads/new/", uploads.upload_new, name="upload_new"),
    path("uploads/<int:pk>/", uploads.upload, name="upload"),
    path("live/uploads/<int:pk>", uploads.upload_live, name="upload_live"),
    path("uploads/<int:pk>/columns", uploads.upload_columns, name="upload_columns"),
    path("uploads/<int:pk>/import", uploads.upload_confirm, name="upload_confirm"),
    path("uploads/<int:pk>/discard", uploads.upload_discard, name="upload_discard"),
    path("uploads/<int:pk>/way", uploads.upload_way, name="upload_way"),
    path("uploads/<int:pk>/undo", receipts.upload_undo, name="upload_undo"),
    path("uploads/<int:pk>/trial/send", receipts.trial_send, name="trial_send"),
    path("uploads/<int:pk>/trial/discard", receipts.trial_discard, name="trial_discard"),
    path("uploads/<int:pk>/hold", receipts.upload_hold, name="upload_hold"),
    path("uploads/<int:pk>/release", receipts.upload_release, name="upload_release"),
    path("uploads/<int:pk>/withdraw/", receipts.upload_withdraw, name="upload_withdraw"),
    path("uploads/<int:pk>/restore", receipts.upload_restore, name="upload_restore"),
    path("uploads/<int:pk>/again/", receipts.upload_again, name="upload_again"),
    path("uploads/<int:pk>/refused.csv", uploads.upload_refused, name="upload_refused"),
    path("uploads/<int:pk>/original", downloads.upload_original, name="upload_original"),
    path("uploads/<int:pk>/labels.<text:form>", downloads.upload_labels, name="upload_labels"),
    path("documents/", documents.documents, name="documents"),
    path("documents/<int:pk>/", documents.document, name="document"),
    path("documents/select", selections.selection_new, name="selection_new"),
    path("documents/paste", selections.selection_pasted, name="selection_pasted"),
    path("documents/selections/<slug:key>/", selections.selection, name="selection"),
    path("live/selections/<slug:key>", selections.selection_live, name="selection_live"),
    path("documents/selections/<slug:key>/again", selections.selection_again, name="selection_again"),
    path("documents/selections/<slug:key>/withdraw", selections.selection_withdraw, name="selection_withdraw"),
    path("documents/selections/<slug:key>/restore", selections.selection_restore, name="selection_restore"),
    path("documents/selections/<slug:key>/labels.<text:form>", selections.selection_labels, name="selection_labels"),
    path("batches/", batches.batches, name="batches"),
    path("live/batches", batches.batches_live, name="batches_live"),
    path("batches/<int:pk>/", batches.batch, name="batch"),
    path("live/batches/<int:pk>", batches.batch_live, name="batch_live"),
    path("batches/<int:pk>/cancel", batches.batch_cancel, name="batch_cancel"),
    path("batches/<int:pk>/again", batches.batch_again, name="batch_again"),
    path("batches/<int:pk>/ticked", batches.batch_ticked, name="batch_ticked"),
    path("batches/<int:pk>/close", batches.batch_close, name="batch_close"),
    path("batches/<int:pk>/prove", batches.batch_prove, name="batch_prove"),
    path("batches/<int:pk>/requests.jsonl", downloads.batch_requests, name="batch_requests"),
    path("batches/<int:pk>/results.jsonl", downloads.batch_results, name="batch_results"),
    path("doubts/", doubts.doubts, name="doubts"),
    path("live/doubts", doubts.doubts_live, name="doubts_live"),
    path("doubts/<int:pk>/", doubts.doubt, name="doubt"),
    path("live/doubts/<int:pk>", doubts.doubt_live, name="doubt_live"),
    path("doubts/<int:pk>/adopt", doubts.doubt_adopt, name="doubt_adopt"),
    path("doubts/<int:pk>/absent", doubts.doubt_absent, name="doubt_absent"),
    path("decisions/", decisions.decisions, name="decisions"),
    path("decisions/failures.csv", cause.failures_csv, name="failures_csv"),
    path("decisions/retry-safe", decisions.retry_safe, name="decisions_retry_safe"),
    path("live/decisions", decisions.decisions_live, name="decisions_live"),
    path("live/decisions/going-again", decisions.going_again_live, name="going_again_live"),
    path("decisions/<slug:slug>/stop", decisions.stop, name="going_again_stop"),
    path("decisions/<slug:slug>/<reason:reason>/", cause.cause, name="cause"),
    path("live/decisions/<slug:slug>/<reason:reason>", cause.cause_live, name="cause_live"),
    path("decisions/<slug:slug>/<reason:reason>/failures.csv", cause.cause_csv, name="cause_csv"),
    path("decisions/<slug:slug>/<reason:reason>/retry", decisions.retry, name="decision_retry"),
    path("decisions/<slug:slug>/<reason:reason>/send", cause.cause_send, name="cause_send"),
    path("decisions/<slug:slug>/<reason:reason>/ticked", cause.cause_ticked, name="cause_ticked"),
    path("decisions/<slug:slug>/<reason:reason>/try", cause.cause_try, name="cause_try"),
    path("decisions/<slug:slug>/<reason:reason>/raise", cause.cause_raise, name="cause_raise"),
    path("decisions/<slug:slug>/<reason:reason>/close", cause.cause_close, name="decision_close"),
    path("decisions/<slug:slug>/<reason:reason>/reopen", decisions.reopen, name="decision_reopen"),
    path("savings/", savings.savings, name="savings"),
    path("savings/savings.csv", savings.savings_csv, name="savings_csv"),
    path("limits/", limits.money_limits, name="limits"),
    path("limits/release", limits.limit_release, name="limit_release"),
    path("tasks/", tasks.tasks, name="tasks"),
    path("tasks/new/", editor.task_new, name="task_new"),
    path("tasks/new/preview", editor.task_preview, name="task_preview"),
    path("tasks/new/count", editor.task_count, name="task_count"),
    path("live/tokens/<text:digest>", editor.tokens_live, name="tokens_live"),
    path("tasks/<slug:slug>/", tasks.task, name="task"),
    path("tasks/<slug:slug>/edit/", editor.task_edit, name="task_edit"),
    path("tasks/<slug:slug>/pause", tasks.task_pause, name="task_pause"),
    path("tasks/<slug:slug>/resume", tasks.task_resume, name="task_resume"),
    path("tasks/<slug:slug>/send", receipts.task_send, name="task_send"),
    path("tasks/<slug:slug>/undo", receipts.task_undo, name="task_undo"),
    path("tasks/<slug:slug>/labels.<text:form>", downloads.task_labels, name="task_labels"),
    path("tasks/<slug:slug>/versions/<int:number>/try", tries.version_try, name="version_try"),
    path("tasks/<slug:slug>/tries/<int:pk>/", tries.trial, name="trial"),
    path("live/tasks/<slug:slug>/tries/<int:pk>", tries.trial_live, name="trial_live"),
    path("tasks/<slug:slug>/move", versions.task_move, name="task_move"),
    path("tasks/<slug:slug>/versions/<int:number>/use/", versions.version_use, name="version_use"),
    path("tasks/<slug:slug>/versions/<int:number>/put-in-use", versions.version_put_in_use, name="version_put_in_use"),
    path("tasks/<slug:slug>/versions/<int:number>/discard", versions.version_discard, name="version_discard"),
    path("activity/", activity.activity, name="activity"),
    path("activity/activity.csv", activity.activity_csv, name="activity_csv"),
    path("settings/", settings.settings, name="settings"),
    path("settings/zone", settings.choose_zone, name="choose_zone"),
    path("settings/test", settings.send_test, name="send_test"),
    path("accounts/", accounts.accounts, name="accounts"),
    path("accounts/add", accounts.account_add, name="account_add"),
    path("accounts/<int:pk>/role", accounts.account_role, name="account_role"),
    path("accounts/<int:pk>/active", accounts.account_active, name="account_active"),
    path("accounts/<int:pk>/password", accounts.account_password, name="account_password"),
    path("login", sign_in.SignIn.as_view(), name="login"),
    path("password", sign_in.ChangePassword.as_view(), name="password_change"),
    path("offline", house.offline, name="offline"),
    path("sw.js", house.service_worker, name="service_worker"),
    path("theme", house.theme, name="theme"),
    path("healthz", house.health, name="health"),
    path("erase/", erasing.erase, name="erase"),
    path("tasks/<slug:slug>/retention", erasing.task_retention, name="task_retention"),
    path("restored/", restored.restored, name="restored"),
    path("live/restored", restored.restored_live, name="restored_live"),
    path("restored/<int:pk>/unknown-answers.jsonl", downloads.unknown_answers, name="unknown_answers"),
    path("restored/settle", restored.restored_settle, name="restored_settle"),
    path("healthz/workers", house.workers_health, name="workers_health"),
]
