"""The identity of one upload, one batch, or one night, in one line: red where it does not sum."""

from collections.abc import Mapping

from django import template

from labeling.models import Batch, Night, Upload
from labeling.reports import identities
from labeling.states import DocumentState

register = template.Library()


@register.inclusion_tag("parts/identity.html")
def upload_identity(upload: Upload, states: Mapping[DocumentState, int]) -> dict[str, identities.Identities]:
    return {"identities": identities.of_upload(upload, states)}


@register.inclusion_tag("parts/identity.html")
def batch_identity(batch: Batch) -> dict[str, identities.Identities]:
    return {"identities": identities.of_batch(batch)}


@register.inclusion_tag("parts/identity.html")
def night_identity(night: Night) -> dict[str, identities.Identities]:
    return {"identities": identities.of_night(night)}
