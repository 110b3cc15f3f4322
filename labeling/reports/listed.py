"""Which models can be chosen, what is known about one, and how old that knowledge is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format

from labeling.messages.catalogue import MODELS
from labeling.models import ListedModel, ModelPrice, Setting
from labeling.reports.tasks import price_in_effect


@dataclass(frozen=True, slots=True)
class ModelLook:
    """One model: what the API lists about it, its price of today, and what to be warned of."""

    id: str
    listed: ListedModel | None
    price: ModelPrice | None
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class ListAge:
    """When the API last answered with its list; `error` says what went wrong since."""

    answered_at: datetime | None
    error: str


def look(model: str) -> ModelLook:
    listed = ListedModel.objects.filter(pk=model).first()
    return ModelLook(model, listed, price_in_effect(model), warnings_of([model], {model: listed})[model])


def warnings(models: Sequence[str]) -> dict[str, list[str]]:
    """By model, in one query and a half; none is a reason not to use it."""
    found = ListedModel.objects.in_bulk(set(models))
    return warnings_of(models, {model: found.get(model) for model in models})


def warnings_of(models: Sequence[str], found: dict[str, ListedModel | None]) -> dict[str, list[str]]:
    anything = any(found.values()) or ListedModel.objects.exists()
    return {model: _warnings(model, found.get(model), anything) for model in models}


def choices() -> list[tuple[str, str]]:
    """Ids with a few words each: what the API lists, or what is known by heart until it has answered."""
    rows = ListedModel.objects.filter(is_listed=True)
    listed = [
        (row.id, f"{row.display_name}{'' if row.lifecycle == 'active' else ', ' + row.lifecycle}") for row in rows
    ]
    return listed or [(model, model) for model in sorted(MODELS)]


def age() -> ListAge:
    row = Setting.objects.filter(key="models_listed").first()
    state = row.value if row else {}
    return ListAge(parse_datetime(state.get("answered_at") or ""), state.get("error") or "")


def _warnings(model: str, listed: ListedModel | None, anything: bool) -> list[str]:
    if not model or not anything:
        return []
    if listed is None:
        return [f"The API does not list a model {model}. Check its name; it can be used all the same."]
    found = []
    if not listed.is_listed or listed.lifecycle == "retired":
        found.append(f"{model} is in the list of the API no more: it may be retired, and then every request fails.")
    elif listed.retires_at:
        day = date_format(timezone.localtime(listed.retires_at), "j M Y")
        gone = listed.retires_at <= timezone.now()
        found.append(f"{model} {'was to retire' if gone else 'is deprecated and retires'} on {day}: choose another.")
    elif listed.lifecycle not in ("active", ""):
        found.append(f"{model} is {listed.lifecycle}: choose another before it is retired.")
    if listed.batch is False:
        found.append(f"{model} cannot be used in batches.")
    return found
