"""Signing out, the admin, and below them the product."""

from importlib.util import find_spec

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.cache import never_cache

from batchsite.health import web_health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz/web", web_health, name="web_health"),
    path("logout", auth.LogoutView.as_view(), name="logout"),
    path("password/done", never_cache(auth.PasswordChangeDoneView.as_view()), name="password_change_done"),
    path("admin/", admin.site.urls),
]

if find_spec("labeling.urls"):
    handler400 = "labeling.views.house.not_understood"
    handler403, handler404 = "labeling.views.house.refused", "labeling.views.house.not_found"
    urlpatterns.append(path("", include("labeling.urls")))
