"""The admin site: the same models as Django would list, in the order of the story and in plain words.

Beside the package `admin` and not in it: Django reads this before there are models. The settings name
NightshiftAdminConfig where they would name `django.contrib.admin`.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest

STORY = (
    ("What is to be done", ("LabelingTask", "LabelingTaskVersion", "Canary", "ListedModel", "TokenCount")),
    ("What came in", ("Upload", "RefusedRow", "Document", "DocumentText", "DocumentWords")),
    ("What was sent", ("Night", "Batch", "BatchShare", "BatchEvent", "Candidate", "Request", "Account")),
    ("What came back", ("Result", "ResultLine", "StrayLine", "FoundBatch")),
    ("Money", ("ModelPrice", "SpendTally", "AnswerTally", "LimitRelease", "UploadEstimate")),
    ("What people chose", ("Trial", "TrialDocument", "SendOrder", "Selection", "SelectedDocument", "BulkAct")),
    (
        "How the house runs",
        (
            "Gate",
            "Restoration",
            "Erasure",
            "Setting",
            "Heartbeat",
            "UnfinishedWork",
            "LedgerCheck",
            "Taken",
            "Tryout",
            "Activity",
            "Alarm",
            "Notice",
            "DocumentTally",
            "FailureTally",
            "RequestTally",
        ),
    ),
    ("Background tasks", ("Schedule", "OrmQ", "Success", "Failure")),
    ("People", ("User", "Group", "OneTimePassword", "SignInTries")),
)


class NightshiftAdminConfig(AdminConfig):
    default_site = "labeling.admin_site.NightshiftAdminSite"


class NightshiftAdminSite(admin.AdminSite):
    site_header = "Nightshift"
    site_title = "Nightshift"
    index_title = "Every row, in the order of the story"

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Django's list of models, regrouped; a model that is not in the story comes last, under its own app."""
        apps: list[Any] = super().get_app_list(request, app_label)
        found = {model["object_name"]: (app, model) for app in apps for model in app["models"]}
        groups = [_group(title, [found.pop(name) for name in names if name in found]) for title, names in STORY]
        others = [_group(app["name"], [(app, model)]) for app, model in found.values()]
        return [group for group in (*groups, *others) if group]


def _group(title: str, found: list[tuple[Any, Any]]) -> dict[str, Any] | None:
    return {**found[0][0], "name": title, "models": [model for _, model in found]} if found else None
