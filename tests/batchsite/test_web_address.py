"""Names under which the web answers, and who gets in."""

import pytest
from django.conf import settings
from django.urls import reverse

from batchsite.environment import read_environment
from batchsite.web_address import allowed_hosts, is_public_https, local_url


def test_on_loopback_only_local_names_are_answered():
    assert allowed_hosts(read_environment()) == ["127.0.0.1", "[::1]", "localhost"]


def test_the_public_name_is_answered_too(monkeypatch):
    monkeypatch.setenv("PUBLIC_URL", "https://Nightshift.example.com:8443/")
    assert "nightshift.example.com" in allowed_hosts(read_environment())
    assert is_public_https(read_environment())


def test_on_every_interface_the_machine_answers_to_its_own_names_alone(monkeypatch):
    monkeypatch.setenv("HOST", "0.0.0.0")
    hosts = allowed_hosts(read_environment())
    assert "*" not in hosts
    assert local_url(read_environment()) == "http://127.0.0.1:8000"


def test_an_ipv6_address_stands_in_brackets(monkeypatch):
    monkeypatch.setenv("HOST", "[::1]")
    assert local_url(read_environment()) == "http://[::1]:8000"


@pytest.mark.django_db
def test_health_is_told_to_everybody(client):
    assert client.get("/healthz/web").content == b"ok\n"


@pytest.mark.django_db
def test_who_is_not_signed_in_is_sent_to_sign_in(client):
    answer = client.get(reverse("password_change"))
    assert (answer.status_code, answer.url) == (302, "/login?next=/password")


@pytest.mark.django_db
def test_every_page_forbids_what_is_not_our_own(client):
    policy = client.get("/healthz/web").headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["frame-ancestors"] == directives["base-uri"] == "'none'"


@pytest.mark.django_db
def test_the_shared_cache_works_after_migrate_alone():
    from django.core.cache import cache

    cache.set("key", "value")
    assert cache.get("key") == "value"


@pytest.mark.parametrize("queue", ["bulk", "ticks", "urgent"])
def test_no_queue_hands_a_running_task_out_again(queue):
    """retry > (ceil((queue_limit + bulk) / workers) + 1) x (timeout + 4 seconds)."""
    conf = {**settings.Q_CLUSTER, **settings.Q_CLUSTER["ALT_CLUSTERS"].get(queue, {})}
    rounds = -(-(conf["queue_limit"] + conf["bulk"]) // conf["workers"]) + 1
    assert conf["retry"] > rounds * (conf["timeout"] + 4)
    assert conf["retry"] > 3 * conf["timeout"]
    assert (conf["ack_failures"], conf["max_attempts"], conf["catch_up"]) == (True, 1, False)
