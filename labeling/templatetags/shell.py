"""What stands around every page: the sidebar, the sandbox sign, the theme. Works on error pages too."""

import re
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlencode

from django import template
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from batchsite.api_address import api_address
from batchsite.environment import EnvironmentFault
from labeling.health.troubles import Trouble
from labeling.reports.shell import Shell, shell
from labeling.views.reader import ZONE_COOKIE, settings_of, theme_of, zone_names

register = template.Library()

SLUG = re.compile(r"[-a-zA-Z0-9_]+")
UNDO = "undo:"
"""Before the address, in the tags of a message."""


@register.simple_tag(takes_context=True)
def shell_of(context: template.Context) -> Shell | None:
    """None where nobody is signed in, or where the reader may not see anything."""
    request = context.get("request")
    return _shell(request) if request is not None and _may_view(request) else None


@register.simple_tag
def is_sandbox() -> bool:
    return _is_sandbox()


@register.filter
def undo_address(message: Message) -> str:
    """The address that takes back what a message tells; empty where nothing can."""
    tags = message.extra_tags or ""
    return tags.removeprefix(UNDO) if tags.startswith(UNDO) else ""


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> str:
    """`light`, `dark`, or empty: as the system says."""
    request = context.get("request")
    return theme_of(request) if request is not None else ""


@register.simple_tag(takes_context=True)
def current(context: template.Context, *prefixes: str) -> bool:
    """Whether the page belongs to a place of the sidebar."""
    request = context.get("request")
    if request is None:
        return False
    path = request.path
    return any(path == "/" if prefix == "/" else path.startswith(prefix) for prefix in prefixes)


@register.simple_tag(takes_context=True)
def role(context: template.Context) -> str:
    user = context["request"].user
    for permission, word in (
        ("labeling.administer", "Admin"),
        ("labeling.operate", "Operator"),
        ("labeling.view", "Viewer"),
    ):
        if user.has_perm(permission):
            return word
    return "No role"


@register.simple_tag(takes_context=True)
def zone_to_choose(context: template.Context) -> dict[str, Any] | None:
    """For an admin, as long as nobody has chosen the site's zone: the browser's, and all there are."""
    request = context.get("request")
    if request is None or not _may_view(request) or not request.user.has_perm("labeling.administer"):
        return None
    if "time_zone" in settings_of(request).model_fields_set:
        return None
    told = request.COOKIES.get(ZONE_COOKIE, "")
    proposed = told if told in zone_names() else ""
    return {"proposed": proposed, "options": _zone_options(proposed or "UTC")}


@lru_cache(maxsize=8)
def _zone_options(chosen: str) -> SafeString:
    """Rendered once: there are hundreds, and they would stand in every page."""
    return format_html_join(
        "", "<option{}>{}</option>", ((mark_safe(" selected") if n == chosen else "", n) for n in zone_names())
    )


@register.simple_tag
def zone_name() -> str:
    return timezone.get_current_timezone_name()


@register.simple_tag(takes_context=True)
def site_zone_if_other(context: template.Context) -> str:
    """The site's zone, of nights and money, where the reader's is another one."""
    site = settings_of(context["request"]).time_zone
    return "" if site == zone_name() else site


OF_A_POLL = ("v", "phase")
"""Parameters that a live part asks with; they belong to no link."""


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, **changes: Any) -> str:
    """The address's query with changes; an empty value takes a parameter away."""
    query = context["request"].GET.copy()
    for name in OF_A_POLL:
        query.pop(name, None)
    for name, value in changes.items():
        query.pop(name, None)
        if value not in (None, ""):
            query[name] = str(value)
    return f"?{query.urlencode()}"


@register.simple_tag(takes_context=True)
def drop_query(context: template.Context, name: str) -> str:
    """The address's query without a filter, from the beginning."""
    return with_query(context, **{name: "", "before": ""})


@register.simple_tag
def as_query(fields: dict[str, str]) -> str:
    return urlencode(fields)


@register.simple_tag
def subject_url(subject: str) -> str:
    """The page of what an act was done on; empty where it has none."""
    kind, _, rest = subject.partition(":") if ":" in subject else subject.partition("-")
    pages = {"U": "upload", "B": "batch", "D": "document"}
    if kind in pages and rest.isascii() and rest.isdecimal() and len(rest) < 19:
        return reverse(pages[kind], args=[int(rest)])
    if kind == "task" and SLUG.fullmatch(rest):
        return reverse("task", args=[rest])
    return reverse("settings") if subject == "settings" else ""


@register.simple_tag
def trouble_link(trouble: Trouble) -> dict[str, str]:
    """Where a person can do something about a trouble."""
    if trouble.subject.startswith("task:"):
        return {"url": reverse("task", args=[trouble.subject.removeprefix("task:")]), "words": "Open task"}
    if trouble.kind == "paused_by_restore":
        return {"url": reverse("restored"), "words": "Open restored"}
    if trouble.kind == "limit":
        return {"url": reverse("limits"), "words": "See limits"}
    kind, _, pk = trouble.subject.partition("-")
    if trouble.kind in ("doubt", "late_twin") and pk.isdecimal():
        return {"url": reverse("doubt", args=[int(pk)]), "words": "Open submission"}
    if kind == "B" and pk.isdecimal():
        return {"url": reverse("batch", args=[int(pk)]), "words": "Open batch"}
    if kind == "U" and pk.isdecimal():
        return {"url": reverse("upload", args=[int(pk)]), "words": "Open upload"}
    workers = ("#workers", "See workers")
    places = dict.fromkeys(("silent_workers", "stopped_schedules", "failing_schedules", "set_aside"), workers)
    places["ledger"] = ("#balance", "See the book")
    url, words = places.get(trouble.kind, ("#main", "See below"))
    return {"url": url, "words": words}


def nav_counts(request: HttpRequest) -> dict[str, int]:
    found = _shell(request)
    return {"batches": found.batches_open, "decisions": found.decisions}


def _shell(request: HttpRequest) -> Shell:
    found: Shell | None = getattr(request, "_nightshift_shell", None)
    if found is None:
        found = shell(settings_of(request), timezone.now())
        request._nightshift_shell = found  # type: ignore[attr-defined]
    return found


def _may_view(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated and user.has_perm("labeling.view")


@cache
def _is_sandbox() -> bool:
    """The environment of a process does not change while it lives."""
    try:
        return api_address().is_sandbox
    except EnvironmentFault:
        return False
