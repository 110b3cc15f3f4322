"""Everything here kills real processes and is part of `make test-faults` alone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite(
    "tests.faults.cases", "tests.faults.lost_answers", "tests.faults.house", "tests.faults.restoring"
)

from tests.faults.cases import Case  # noqa: E402
from tests.faults.playing import playing, worlds_of_their_own  # noqa: E402
from tests.faults.worlds import Worlds  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("faults")


@pytest.fixture(scope="session")
def worlds() -> Iterator[Worlds]:
    with worlds_of_their_own() as worlds:
        yield worlds


@pytest.fixture(scope="session")
def played(worlds: Worlds, request: pytest.FixtureRequest) -> Iterator[Callable[[Case], None]]:
    """Waits for a case and raises what went wrong in it; all selected cases begin with the first."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    selected = [call.params["case"] for call in calls if call and "case" in call.params]
    with playing([case for case in selected if isinstance(case, Case)], worlds) as wait_for:
        yield wait_for
