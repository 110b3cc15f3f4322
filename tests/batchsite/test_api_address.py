"""Which API is called: the account of the environment, else the sandbox; and nothing but loopback when trying out."""

import json

import pytest

from batchsite.api_address import ApiAddressRefused, address_file, api_address


def test_without_a_key_the_sandbox_is_called(nightshift_home):
    address_file(nightshift_home).parent.mkdir()
    address_file(nightshift_home).write_text(json.dumps({"base_url": "http://127.0.0.1:4711", "pid": 1}))
    found = api_address()
    assert (found.base_url, found.api_key, found.is_sandbox) == ("http://127.0.0.1:4711", "sandbox", True)


def test_a_sandbox_that_never_ran_has_no_address(nightshift_home):
    assert api_address().base_url == ""


def test_a_half_written_address_is_no_address(nightshift_home):
    address_file(nightshift_home).parent.mkdir()
    address_file(nightshift_home).write_text('{"base_url": "http')
    assert api_address().base_url == ""


def test_without_a_key_a_base_url_changes_nothing(nightshift_home, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://api.example.com")
    assert api_address().is_sandbox


def test_the_real_api_is_refused_while_trying_out_even_with_a_key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    with pytest.raises(ApiAddressRefused) as caught:
        api_address()
    assert "https://api.anthropic.com" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_key_with_a_loopback_address_is_taken_as_given(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/")
    found = api_address()
    assert (found.base_url, found.api_key, found.is_sandbox) == ("http://127.0.0.1:9", "key", False)


def test_a_key_alone_means_the_real_api(monkeypatch):
    monkeypatch.delenv("NIGHTSHIFT_LOOPBACK_ONLY")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
    assert api_address().base_url == "https://api.anthropic.com"


def test_a_token_is_an_account_too(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://localhost:9")
    found = api_address()
    assert (found.api_key, found.auth_token, found.is_sandbox) == (None, "token", False)


def test_an_address_does_not_show_its_key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "hunter2")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://localhost:9")
    assert "hunter2" not in repr(api_address())
