"""A process is killed at every boundary, everything is started again, and every document is paid for once."""

import re
from pathlib import Path

import pytest

from labeling.faults import PLACES
from tests.faults.cases import KILLS
from tests.faults.lost_answers import LOST_ANSWERS
from tests.faults.restoring import FILLING, MAPPING

LABELING = Path(__file__).resolve().parents[2] / "labeling"


@pytest.mark.parametrize("case", KILLS.values(), ids=KILLS)
def test_killed_there_every_document_is_paid_for_once(case, played):
    assert played(case) is None


def test_every_place_has_a_case():
    names = (*KILLS, *LOST_ANSWERS, *(place.partition("@")[0] for place in MAPPING), FILLING)
    in_cases = " ".join(f"{name} " for name in names)
    assert [place for place in sorted(PLACES) if f"{place} " not in in_cases] == []


def test_every_hook_in_the_code_is_a_known_place():
    written = [
        place
        for file in LABELING.rglob("*.py")
        if file.name != "faults.py"
        for place in re.findall(r'faults\.reach\(f?"([^"]+)"', file.read_text())
    ]
    assert {place for place in written if "{" not in place} - PLACES == set()
