"""Every transition of the health verdict: what counts against a server, what clears the counts, what is failure."""

from __future__ import annotations

import pytest
from faceswap_server.supervision.health_judge import (
    BROKEN_PROBES,
    STALLED_PROBES,
    STRUGGLING_PROBES,
    HealthJudge,
    Observation,
    Probe,
    Verdict,
)

WORKED = Observation(Probe.WORKED)
ERROR = Observation(Probe.ERROR, "no face was swapped")
RESTING = Observation(Probe.NO_ANSWER, "DEADLINE_EXCEEDED", server_ran=False)
RUNNING = Observation(Probe.NO_ANSWER, "SERVER_BUSY", server_ran=True)
OTHERS = Observation(Probe.OTHERS_ANSWERED, "SERVER_BUSY")
WELL, AGAIN = Verdict(), Verdict(probe_again=True)


def verdicts(*seen: Observation) -> list[Verdict]:
    judge = HealthJudge()
    return [judge.observe(each) for each in seen]


def no_swap_in(probes: int, reason: str) -> Verdict:
    return Verdict(f"no swap has worked in {probes} probes: {reason}")


def test_the_limits_are_the_documented_ones() -> None:
    assert (STALLED_PROBES, STRUGGLING_PROBES, BROKEN_PROBES) == (3, 12, 2)


def test_a_swap_that_works_says_nothing_against_a_server() -> None:
    assert verdicts(*[WORKED] * 20) == [WELL] * 20


def test_an_error_is_probed_again_at_once_and_the_second_is_a_failure() -> None:
    assert verdicts(ERROR, ERROR) == [AGAIN, Verdict("no face was swapped")]


def test_a_good_swap_clears_an_error() -> None:
    assert verdicts(ERROR, WORKED, ERROR, WORKED, ERROR) == [AGAIN, WELL, AGAIN, WELL, AGAIN]


def test_a_server_at_rest_fails_at_the_third_probe_without_an_answer() -> None:
    assert verdicts(*[RESTING] * 3) == [WELL, WELL, no_swap_in(3, "DEADLINE_EXCEEDED")]


def test_a_server_at_work_fails_at_the_twelfth() -> None:
    assert verdicts(*[RUNNING] * 12) == [WELL] * 11 + [no_swap_in(12, "SERVER_BUSY")]


def test_work_starts_the_count_of_a_server_at_rest_anew() -> None:
    seen = [RESTING, RESTING, RUNNING, RESTING, RESTING]
    assert verdicts(*seen, RESTING) == [WELL] * 5 + [no_swap_in(6, "DEADLINE_EXCEEDED")]


def test_probes_of_a_server_at_rest_count_towards_the_twelve_too() -> None:
    seen = [RESTING, RUNNING] * 6
    assert verdicts(*seen) == [WELL] * 11 + [no_swap_in(12, "SERVER_BUSY")]


@pytest.mark.parametrize(("bad", "limit"), [(RESTING, STALLED_PROBES), (RUNNING, STRUGGLING_PROBES)])
def test_a_good_swap_clears_probes_without_an_answer(bad: Observation, limit: int) -> None:
    almost = [bad] * (limit - 1)
    assert verdicts(*almost, WORKED, *almost) == [WELL] * (2 * limit - 1)


def test_a_probe_without_an_answer_does_not_clear_an_error() -> None:
    assert verdicts(ERROR, RUNNING, ERROR) == [AGAIN, WELL, Verdict("no face was swapped")]


def test_an_error_does_not_clear_probes_without_an_answer() -> None:
    assert verdicts(RESTING, RESTING, ERROR, RESTING)[-1] == no_swap_in(3, "DEADLINE_EXCEEDED")


def test_other_limits_can_be_given() -> None:
    judge = HealthJudge(stalled=1, struggling=2, broken=1)
    assert judge.observe(ERROR) == Verdict("no face was swapped")
    assert judge.observe(RUNNING) == WELL
    assert judge.observe(RUNNING) == no_swap_in(2, "SERVER_BUSY")
    assert HealthJudge(stalled=1).observe(RESTING) == no_swap_in(1, "DEADLINE_EXCEEDED")


def test_a_full_server_that_answers_others_is_never_called_hung() -> None:
    assert verdicts(*[OTHERS] * 100) == [WELL] * 100


def test_answers_to_others_clear_what_silence_has_counted_and_no_error() -> None:
    assert verdicts(RESTING, RESTING, OTHERS, RESTING, RESTING) == [WELL] * 5
    assert verdicts(*[RUNNING] * 11, OTHERS, *[RUNNING] * 11) == [WELL] * 23
    assert verdicts(ERROR, OTHERS, ERROR) == [AGAIN, WELL, Verdict("no face was swapped")]
