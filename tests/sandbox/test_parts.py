"""Parts that are easier to look at without a process: splitting in tiny windows, the matcher, the prices."""

import io
import json
import random
from pathlib import Path

import pytest

from sandbox import splitting
from sandbox.account import Account, Charge
from sandbox.errors import ApiError
from sandbox.matching import Matcher
from sandbox.models import CATALOGUE
from sandbox.press import shuffled
from sandbox.splitting import split_requests
from tests.sandbox.caller import request

TEXTS = ("plain", 'quote " and \\ backslash', "Grüße \u2028 \U0001f600", "[{]}", "0.5e-7", "x" * 300)


@pytest.mark.parametrize("window", [1, 2, 3, 7, 64, 1000])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_requests_are_found_whatever_the_window(window: int, ascii_only: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "WINDOW", window)
    requests = [request(f"r{number}", text, extra=[1.25, -3e5, None, True]) for number, text in enumerate(TEXTS)]
    body = json.dumps({"requests": requests}, ensure_ascii=ascii_only).encode()
    index = split_requests(io.BytesIO(body))
    found = [body[start : start + length] for start, length in zip(index.starts, index.lengths, strict=True)]
    assert [json.loads(piece) for piece in found] == requests


@pytest.mark.parametrize("window", [1, 5, 1000])
def test_a_body_cut_anywhere_is_not_json(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "WINDOW", window)
    body = json.dumps({"requests": [request("a", "Grüße"), request("b")]}, ensure_ascii=False).encode()
    for end in range(len(body)):
        with pytest.raises(ApiError) as caught:
            split_requests(io.BytesIO(body[:end]))
        assert caught.value.status == 400


def test_a_fault_early_in_a_large_body_is_found_without_reading_on() -> None:
    body = io.BytesIO(b'{"requests":[{"custom_id" "a"},' + b" " * 5_000_000 + b"]}")
    with pytest.raises(ApiError):
        split_requests(body)
    assert body.tell() <= 2 * splitting.WINDOW


def test_one_request_may_be_larger_than_a_window() -> None:
    body = json.dumps({"requests": [request("a", "x" * 5_000_000), request("b")]}).encode()
    assert len(split_requests(io.BytesIO(body))) == 2


@pytest.mark.parametrize("total", [2, 3, 10, 499, 500, 501, 5000])
def test_a_shuffled_order_is_a_permutation_but_never_the_input_order(total: int) -> None:
    for seed in map(str, range(20)):
        order = list(shuffled(total, seed))
        assert order != list(range(total))
        assert sorted(order) == list(range(total))
        assert order == list(shuffled(total, seed))


def test_descriptions_in_the_instructions_help_the_matcher() -> None:
    instructions = "Labels:\n- alpha: everything about invoices\n* beta - crashes and hangs\n3. `gamma`: shipping"
    matcher = Matcher(["alpha", "beta", "gamma"], instructions)
    assert [matcher.best(text) for text in ("An invoice!", "it crashed", "When is it shipped?")] == [
        "alpha",
        "beta",
        "gamma",
    ]


def test_the_matcher_always_answers_and_always_the_same() -> None:
    matcher = Matcher(["one", "two", "three"])
    chance = random.Random(1)
    for _ in range(200):
        text = "".join(chance.choices("abc \n\u2028é[]", k=chance.randrange(30)))
        assert matcher.best(text) in matcher.labels
        assert matcher.best(text) == matcher.best(text)


def test_every_model_but_the_retired_one_has_a_price() -> None:
    unpriced = [model.id for model in CATALOGUE.values() if model.price is None]
    assert unpriced == ["claude-mythos-preview"]
    haiku = CATALOGUE["claude-haiku-5-5"]
    small, large = haiku.price_for(100_000), haiku.price_for(100_001)
    assert small is not None
    assert large is not None
    assert (small.input, small.output, small.read) == (100_000, 500_000, 10_000)
    assert (large.input, large.output, large.read) == (500_000, 2_500_000, 50_000)


def test_a_batch_is_charged_once_however_often_it_is_told(tmp_path: Path) -> None:
    """A crash between the charge and the end of a batch makes the next process charge it again."""
    account = Account(tmp_path)
    charge = Charge(documents=[1, 2], custom_ids=[3, 4], picodollars=5)
    for batch_id in ("msgbatch_a", "msgbatch_a", "msgbatch_b"):
        account.charge_batch(batch_id, charge)
    accepted = dict.fromkeys(("batches", "requests", "foreign_batches", "open_batches"), 0)
    summary = account.summary(accepted)
    account.close()
    assert (summary["requests_charged"], summary["charged_usd"]) == (4, "0.000000000010")
    assert (summary["charged_more_than_once"], summary["custom_ids_charged_more_than_once"]) == (2, 2)
