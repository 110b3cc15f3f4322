"""Addresses from the environment: read, described without a secret, refused in words without a value."""

from collections.abc import Mapping

import pytest

from batchsite.addresses import described, read_addresses
from batchsite.environment import EnvironmentFault
from batchsite.logs import redacted

SECRET = "whsec_bmlnaHRzaGlmdC1uaWdodHNoaWZ0LW5pZ2h0c2hpZnQ="


def test_nothing_set_is_nothing_told() -> None:
    found = read_addresses({})
    assert (found.alarms, found.reports, found.secrets) == ((), (), [])
    assert described(found.alarms) == "not set"


def test_mail_and_chat_are_described_by_their_kinds_alone() -> None:
    found = read_addresses(
        {
            "NIGHTSHIFT_SMTP_URL": "smtps://nightshift%40example.com:p%40ss%2Fword@mail.example.com",
            "NIGHTSHIFT_ALARM_MAIL_TO": "ops@example.com",
            "NIGHTSHIFT_ALARM_URLS": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        }
    )
    assert described(found.alarms) == "set, 2 addresses: mailto, slack"
    assert found.reports == found.alarms
    assert "word" not in repr(found)
    assert "TIiajk" not in repr(found)
    assert found.alarms[0].url == (
        "mailtos://nightshift%40example.com:p%40ss%2Fword@mail.example.com:465/"
        "?smtp=mail.example.com&from=nightshift%40example.com&to=ops%40example.com&mode=ssl"
    )


def test_two_mailboxes_are_two_receivers_so_that_one_that_fails_does_not_tell_the_other_twice() -> None:
    found = read_addresses(
        {
            "NIGHTSHIFT_SMTP_URL": "smtp://127.0.0.1:2525",
            "NIGHTSHIFT_MAIL_FROM": "n@x.example",
            "NIGHTSHIFT_REPORT_MAIL_TO": "a@x.example, b@x.example",
        }
    )
    assert [receiver.kind for receiver in found.reports] == ["mailto", "mailto"]
    assert len({receiver.name("key") for receiver in found.reports}) == 2
    assert found.alarms == ()
    assert all("mode=insecure" in receiver.url for receiver in found.reports)


def test_a_log_line_that_quotes_an_address_or_a_part_of_it_is_blackened() -> None:
    found = read_addresses(
        {
            "NIGHTSHIFT_ALARM_URLS": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
            "NIGHTSHIFT_WEBHOOK_URL": "https://hooks.example.com/services/x91mTokenOfOurs?key=s3cr3tvalue",
            "NIGHTSHIFT_WEBHOOK_SECRET": SECRET,
        }
    )
    line = "POST /services/x91mTokenOfOurs with s3cr3tvalue failed, then TIiajkdnlazkcOXrIdevi7FQ, signed by " + SECRET
    said = redacted(line, found.secrets)
    assert said == "POST /services/[secret] with [secret] failed, then [secret], signed by [secret]"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"SMTP_URL": "mail.example.com"}, "NIGHTSHIFT_SMTP_URL must look like smtps://"),
        ({"ALARM_MAIL_TO": "ops@example.com"}, "NIGHTSHIFT_ALARM_MAIL_TO needs NIGHTSHIFT_SMTP_URL"),
        ({"SMTP_URL": "smtp://m.example", "MAIL_FROM": "n@m.example", "ALARM_MAIL_TO": "hunter2"}, "mail addresses"),
        ({"SMTP_URL": "smtp://me:hunter2@m.example"}, "NIGHTSHIFT_MAIL_FROM must be one address"),
        ({"ALARM_URLS": "hunter2"}, "NIGHTSHIFT_ALARM_URLS must be addresses as apprise writes them"),
        ({"PING_URL": "hunter2"}, "NIGHTSHIFT_PING_URL must be a full address"),
        ({"WEBHOOK_URL": "https://x.example"}, "needs NIGHTSHIFT_WEBHOOK_SECRET"),
        ({"WEBHOOK_SECRET": "whsec_hunter2"}, "NIGHTSHIFT_WEBHOOK_SECRET must be whsec_"),
    ],
)
def test_what_is_wrong_is_named_and_never_quoted(environ: Mapping[str, str], sentence: str) -> None:
    with pytest.raises(EnvironmentFault) as fault:
        read_addresses({f"NIGHTSHIFT_{name}": value for name, value in environ.items()})
    assert sentence in str(fault.value)
    assert "hunter2" not in str(fault.value)
