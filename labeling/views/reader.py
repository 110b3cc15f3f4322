"""Who reads: the zone and the theme of the browser, and the settings in force, read once for each request."""

from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.http import HttpRequest

from labeling import configuration
from labeling.configuration import Configuration

ZONE_COOKIE = "nightshift_zone"
THEME_COOKIE = "nightshift_theme"
THEMES = ("light", "dark")


@cache
def zone_names() -> list[str]:
    """Sorted; places before the short names of offsets."""
    return sorted(available_timezones(), key=lambda name: ("/" not in name, name))


def settings_of(request: HttpRequest) -> Configuration:
    found: Configuration | None = getattr(request, "_nightshift_settings", None)
    if found is None:
        found = configuration.load()
        request._nightshift_settings = found  # type: ignore[attr-defined]
    return found


def shown_zone(request: HttpRequest) -> ZoneInfo:
    """The zone of the reader's browser where it told one, else the site's."""
    told = request.COOKIES.get(ZONE_COOKIE, "")
    try:
        return ZoneInfo(told) if told else settings_of(request).zone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return settings_of(request).zone


def theme_of(request: HttpRequest) -> str:
    """`light`, `dark`, or empty: as the system says."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""
