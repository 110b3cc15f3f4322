"""The icons, each drawn once: a page has dozens of them, and they never change."""

from functools import lru_cache
from typing import Any

from django import template
from heroicons.templatetags import heroicons

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=512)
def heroicon_outline(name: str, **look: Any) -> str:
    """Like the tag of the library, which draws it anew each time."""
    return heroicons.heroicon_outline(name, **look)
