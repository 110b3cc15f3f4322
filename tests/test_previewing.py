"""The preview is the request: made by the code that makes the body."""

from decimal import Decimal

import orjson
import pytest

from labeling.messages import bodies, prompts
from labeling.messages.previewing import preview
from labeling.messages.prompts import Label, Spec
from labeling.money.estimating import Evidence, Measure
from labeling.money.pricing import SEED_PRICES
from labeling.states import Basis, Kind

SPEC = Spec(Kind.CLASSIFY, "Name the color.", (Label("red", "like blood"), Label("blue")), None, "claude-haiku-4-5", 64)
TIERS = [price for price in SEED_PRICES if price.model == SPEC.model]


def test_the_preview_is_what_a_body_carries(tmp_path) -> None:
    seen = preview(SPEC, "a red thing", Evidence(), TIERS)
    with (tmp_path / "body").open("wb") as file:
        bodies.write(file, SPEC, [("id-1", "a red thing")])
    sent = orjson.loads((tmp_path / "body").read_bytes())["requests"][0]["params"]
    assert orjson.loads(seen.request) == sent == orjson.loads(seen.params) == prompts.params(SPEC, "a red thing")


def test_tokens_are_a_cautious_guess_until_something_was_measured() -> None:
    guess = preview(SPEC, "a red thing", Evidence(), TIERS)
    measured = Measure(Basis.VERSION, 10, 10_000, 1_000, 50, Decimal("0.01"))
    better = preview(SPEC, "a red thing", Evidence(version=measured), TIERS)
    assert guess.document.basis is Basis.LENGTH
    assert better.document.basis is Basis.VERSION
    assert better.frame_tokens < guess.frame_tokens < guess.document.input_tokens


@pytest.mark.parametrize(
    "half_typed",
    [
        Spec(Kind.CLASSIFY, ""),
        Spec(Kind.EXTRACT, "x", schema=None, model="m"),
        Spec(Kind.EXTRACT, "x", schema={"type": "object", "properties": {"a": 5}}, model="m"),
        Spec(Kind.EXTRACT, "x", schema={"$ref": "#/a"}, model="m"),
        Spec(Kind.TRANSFORM, "lone \ud800 surrogate", model="claude-haiku-5-5", max_tokens=0),
        Spec(Kind.CLASSIFY, "x", (Label("\ud800"),), None, "m", 10**30),
    ],
)
def test_whatever_is_half_typed_has_a_preview_and_says_what_is_missing(half_typed: Spec) -> None:
    seen = preview(half_typed, "text", Evidence(), [])
    assert seen.problems
    assert seen.request
    assert not seen.document.real_time.is_known
