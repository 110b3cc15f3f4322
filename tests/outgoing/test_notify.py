"""The command: a test to every address, and one round for installations without workers."""

import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command

from labeling.management.base import BadInput
from labeling.models import Activity, Notice
from tests.outgoing.conftest import SECRET
from tests.outgoing.receiver import Receiver

pytestmark = pytest.mark.django_db


def notify(*options: str) -> tuple[dict[str, int], str]:
    out, err = StringIO(), StringIO()
    call_command("notify", *options, stdout=out, stderr=err)
    return json.loads(out.getvalue().splitlines()[-1]), err.getvalue()


def test_a_test_arrives_and_says_where(receiver: Receiver, set_addresses: Callable[..., object]) -> None:
    json_url = receiver.url.replace("http", "json")
    set_addresses(ALARM_URLS=json_url, WEBHOOK_URL=f"{receiver.url}/hook", WEBHOOK_SECRET=SECRET, PING_URL=receiver.url)
    summary, said = notify("--test")
    assert summary == {"tests": 2, "arrived": 2}
    assert said.splitlines() == ["json: arrived", "webhook: arrived"]
    assert [call.method for call in receiver.calls] == ["POST", "POST"]
    assert "Sent a test to 2 addresses" in Activity.objects.get().sentence


def test_a_test_that_does_not_arrive_says_why_and_is_not_tried_again(
    receiver: Receiver, set_addresses: Callable[..., object]
) -> None:
    receiver.answers = [500]
    set_addresses(WEBHOOK_URL=f"{receiver.url}/hook", WEBHOOK_SECRET=SECRET)
    with pytest.raises(SystemExit) as end:
        notify("--test")
    assert end.value.code == 1
    assert Notice.objects.get().given_up_at is not None


def test_without_an_address_there_is_nothing_to_test(set_addresses: Callable[..., object]) -> None:
    set_addresses()
    with pytest.raises(BadInput, match="NIGHTSHIFT_ALARM_MAIL_TO"):
        notify("--test")


def test_without_workers_a_round_is_a_command(set_addresses: Callable[..., object]) -> None:
    set_addresses()
    assert notify()[0] == {"delivered": 0}
