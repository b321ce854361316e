"""Back-off after crashes, the window that forgets them, and the limit on starts in a row that fail."""

from __future__ import annotations

import pytest
from faceswap_server.supervision.restart_policy import RestartBudget, RestartPolicy


def test_crashes_make_the_pauses_longer_and_never_end_it() -> None:
    budget = RestartBudget(RestartPolicy(limit=0, window_s=6000, first_delay_s=0.5, factor=2, longest_delay_s=6))
    assert [budget.after_crash(now) for now in range(6)] == [0.5, 1, 2, 4, 6, 6]
    assert {budget.after_crash(now) for now in range(6, 5000)} == {6}
    assert budget.recent_crashes == 5000


def test_a_crash_older_than_the_window_is_forgotten() -> None:
    budget = RestartBudget(RestartPolicy(window_s=10, first_delay_s=1, factor=3))
    assert [budget.after_crash(now) for now in (0, 5, 9.9, 10, 30)] == [1, 3, 9, 9, 1]
    assert budget.recent_crashes == 1


def test_starts_that_fail_in_a_row_end_it() -> None:
    budget = RestartBudget(RestartPolicy(limit=3, first_delay_s=0.5, factor=2))
    assert [budget.after_failed_start() for _ in range(4)] == [0.5, 1, 2, None]
    assert budget.after_failed_start() is None, "a refusal is not counted, and changes nothing"


def test_a_server_that_was_ready_in_between_starts_the_count_anew() -> None:
    budget = RestartBudget(RestartPolicy(limit=1, first_delay_s=1, factor=2))
    for crash in range(20):
        assert budget.after_crash(crash) > 0
        assert budget.after_failed_start() is not None
    assert budget.after_failed_start() is None


@pytest.mark.parametrize("limit", [0, -1])
def test_no_second_start_at_all(limit: int) -> None:
    assert RestartBudget(RestartPolicy(limit=limit)).after_failed_start() is None
