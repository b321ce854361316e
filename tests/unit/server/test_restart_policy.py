"""Back-off, the limit, and the window that forgets."""

from __future__ import annotations

import pytest
from faceswap_server.supervision.restart_policy import RestartBudget, RestartPolicy


def test_delays_double_up_to_the_longest_and_end_at_the_limit() -> None:
    budget = RestartBudget(RestartPolicy(limit=6, window_s=600, first_delay_s=0.5, factor=2, longest_delay_s=6))
    assert [budget.next_delay(now) for now in range(7)] == [0.5, 1, 2, 4, 6, 6, None]
    assert budget.next_delay(8) is None, "a refusal is not counted, and changes nothing"


def test_what_is_older_than_the_window_is_forgotten() -> None:
    budget = RestartBudget(RestartPolicy(limit=2, window_s=10, first_delay_s=1, factor=3))
    assert [budget.next_delay(now) for now in (0, 5, 9.9)] == [1, 3, None]
    assert budget.next_delay(10) == 3, "the one at 5 still counts"
    assert budget.next_delay(30) == 1


@pytest.mark.parametrize("limit", [0, -1])
def test_no_restarts_at_all(limit: int) -> None:
    assert RestartBudget(RestartPolicy(limit=limit)).next_delay(0) is None
