"""What every page of the admin has in common: it looks, counts no table, and acts by permission."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from labeling.reports.paging import an_id

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    AnyPaginator = Paginator[Any]
else:
    ModelAdmin, TabularInline, AnyPaginator = admin.ModelAdmin, admin.TabularInline, Paginator

LONGEST_LIST = 10_000
"""Rows that can be paged through; what is further back is found by searching."""

BEGINNING = 20_000
"""Characters of a text that a page shows; the whole can have megabytes."""


class BoundedPaginator(AnyPaginator):
    """Counts at most LONGEST_LIST rows, so a list costs the same on ten rows and on ten millions."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by().values("pk")[:LONGEST_LIST].count()

    @property
    def reached_its_bound(self) -> bool:
        return self.count >= LONGEST_LIST


class RowList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """The number of rows is told once, below the list, where it is told that it has a bound."""
        super().get_results(request)
        self.full_result_count = self.result_count

    def get_ordering_field(self, field_name: Any) -> Any:
        """None for a column that may not be sorted by, also when the address asks for it: no index would serve it."""
        return super().get_ordering_field(field_name) if field_name in (self.sortable_by or ()) else None


class LookMixin:
    """Whoever may view Nightshift may look at the rows; nobody adds, changes or deletes them here."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, "view")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LookInline(LookMixin, TabularInline):
    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields or ()


class LookAdmin(LookMixin, ModelAdmin):
    """Every column of a row, read-only; lists are paged, never counted, and sorted by nothing but their key."""

    beside: ClassVar[Sequence[str]] = ()
    """Methods whose values are shown before the columns of a row."""

    left_out: ClassVar[Sequence[str]] = ()
    """Columns that are not shown: too large, or shown by a method."""

    list_per_page = 50
    list_max_show_all = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count the whole table
    paginator = BoundedPaginator
    ordering: ClassVar[Any] = ("-pk",)
    sortable_by: ClassVar[Any] = ()
    list_select_related: ClassVar[Any] = ()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request, "view")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return may(request, "operate")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RowList

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        columns = (field.name for field in self.opts.concrete_fields)
        return (*self.beside, *(name for name in columns if name not in self.left_out))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """None for a key with NUL, which the database refuses to look for."""
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # Django itself would show the list again to somebody whose action it does not know.
        if request.method == "POST" and request.POST.get("action") not in self.get_actions(request):
            raise PermissionDenied
        return super().changelist_view(request, extra_context)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *place: Any) -> HttpResponse | None:
        if request.POST.get("select_across", "0") != "0":
            self.message_user(request, "Actions work on the rows that are checked on one page.", messages.WARNING)
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset, *place)

    def ask(
        self,
        request: HttpRequest,
        rows: Iterable[Model],
        *,
        action: str,
        title: str,
        form: Form,
        button: str,
        sentences: Iterable[str] = (),
        warning: str = "",
    ) -> TemplateResponse:
        """The page between choosing an action and its happening; its form comes back to the same action."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "rows": list(rows),
            "action": action,
            "form": form,
            "button": button,
            "sentences": list(sentences),
            "warning": warning,
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/labeling/ask.html", context)


def may(request: HttpRequest, word: str) -> bool:
    return request.user.has_perm(f"labeling.{word}")


def confirmed(request: HttpRequest) -> Any:
    """What the form of the page between was sent with; None when it is only about to be shown."""
    return request.POST if "confirmed" in request.POST else None


def link(model: type[Model], pk: Any, text: object) -> SafeString:
    """A link to the page of one row."""
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{_name(model)}_change", args=(pk,)), text)


def list_link(model: type[Model], text: str, **lookups: object) -> SafeString:
    """A link to the list of rows that a lookup on their own columns finds."""
    return format_html(
        '<a href="{}">{}</a>',
        reverse(f"admin:{_name(model)}_changelist", query={k: str(v) for k, v in lookups.items()}),
        text,
    )


def numbers(term: str, prefix: str = "") -> list[int]:
    """The key that a person typed, with or without its letter: 12, D-12, d-12. Empty for anything else."""
    found = an_id(term.upper().removeprefix(prefix))
    return [] if found is None else [found]


def _name(model: type[Model]) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}"
