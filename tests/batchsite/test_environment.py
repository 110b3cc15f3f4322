"""The start-time environment: read once, refused in words."""

import pytest

from batchsite.environment import EnvironmentFault, is_loopback, read_environment


def refused(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EnvironmentFault) as caught:
        read_environment()
    return caught.value.sentences


def test_each_wrong_variable_has_its_own_sentence(monkeypatch):
    sentences = refused(monkeypatch, PORT="eighty", NIGHTSHIFT_DEBUG="perhaps", HOST="a b")
    assert [sentence.split()[0] for sentence in sentences] == ["HOST", "NIGHTSHIFT_DEBUG", "PORT"]
    assert all(sentence.endswith(".") for sentence in sentences)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "8000.5"])
def test_a_port_outside_the_range_is_refused(monkeypatch, port):
    assert refused(monkeypatch, PORT=port) == ["PORT must be a whole number from 1 to 65535."]


def test_a_refused_database_url_does_not_show_its_password(monkeypatch):
    [sentence] = refused(monkeypatch, DATABASE_URL="postgresql://me:hunter2@host:54x32/db?nonsense")
    assert sentence.startswith("DATABASE_URL must look like")
    assert "hunter2" not in sentence


def test_a_database_url_without_a_database_is_refused(monkeypatch):
    assert len(refused(monkeypatch, DATABASE_URL="postgresql://localhost")) == 1


@pytest.mark.parametrize("url", ["nightshift.example.com", "ftp://example.com", "https://", "https://example.com/path"])
def test_a_public_url_must_be_the_root_of_a_web_address(monkeypatch, url):
    [sentence] = refused(monkeypatch, PUBLIC_URL=url)
    assert sentence.startswith("PUBLIC_URL must")


def test_a_short_secret_key_is_refused_and_not_shown(monkeypatch):
    assert refused(monkeypatch, NIGHTSHIFT_SECRET_KEY="short") == [
        "NIGHTSHIFT_SECRET_KEY must have at least 32 characters."
    ]


def test_white_space_in_the_path_is_refused_for_the_embedded_database(monkeypatch, tmp_path):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    [sentence] = refused(monkeypatch, NIGHTSHIFT_HOME=str(tmp_path / "my files"))
    assert "white space" in sentence


def test_white_space_in_the_path_does_not_matter_to_a_real_server(monkeypatch, tmp_path):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "my files"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@localhost/db")
    assert read_environment().home == (tmp_path / "my files").resolve()


@pytest.mark.parametrize("blank", ["", "   ", "\t\n"])
def test_a_blank_key_is_no_key(monkeypatch, blank):
    monkeypatch.setenv("ANTHROPIC_API_KEY", blank)
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", blank)
    assert not read_environment().has_credentials


def test_blank_variables_mean_their_defaults(monkeypatch):
    for name in ("HOST", "PORT", "PUBLIC_URL", "DATABASE_URL", "NIGHTSHIFT_DEBUG"):
        monkeypatch.setenv(name, "")
    found = read_environment()
    assert (found.host, found.port, found.public_url, found.database_url) == ("127.0.0.1", 8000, None, None)
    assert not found.debug


def test_the_environment_does_not_show_its_secrets(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@localhost/db")
    found = read_environment()
    assert "secret" not in repr(found).replace("secrets", "")
    assert "hunter2" not in repr(found)
    assert found.secrets == ["sk-ant-secret", "hunter2"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost", True),
        ("http://[::1]:1", True),
        ("https://api.anthropic.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost.example.com", False),
        ("http://0.0.0.0", False),
    ],
)
def test_only_addresses_of_this_machine_count_as_loopback(url, expected):
    assert is_loopback(url) is expected
