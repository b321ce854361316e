"""A short soak of the session's server, and a report that cannot overlook growth."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from faceswap_server.triton import TritonServer
from faceswap_tools.soak.__main__ import Soak, rows_of, soak
from faceswap_tools.soak.readings import NAMES, Reading, read_server
from faceswap_tools.soak.traffic import BUSY, Kind, Tally, all_kinds, run_traffic

CALM = Reading(memory_mb=800.0, frames_mb=0.0, regions_mb=60.0, descriptors=110, threads=440, processes=11, in_flight=0)


def missed(run: Soak) -> set[str]:
    return {row.name.removeprefix("soak: ") for row in rows_of(run) if row.ok is False}


def test_mixed_traffic_leaves_nothing_behind(server: TritonServer) -> None:
    # a server that has not worked yet opens connections between its parts with the first requests at once
    asyncio.run(run_traffic(server.grpc_address, all_kinds(), requests=40, in_flight=8, seed=1))
    before = read_server(server.pid, server.region_prefix)
    run = soak(server, rounds=1, requests=40, in_flight=8)
    assert run.tallies[0].sent == 40
    assert run.tallies[0].surprises == []
    after = run.readings[-1]
    assert (after.frames_mb, after.in_flight) == (0.0, 0)
    assert after.processes == before.processes
    assert after.descriptors <= before.descriptors + 4
    assert missed(run) == set()


def test_every_kind_of_request_is_in_the_mix() -> None:
    names = [kind.name for kind in all_kinds()]
    assert len(names) == len(set(names)) >= 15


def test_an_unexpected_outcome_is_told() -> None:
    kind, tally = Kind("six faces", 1, frozenset({"answered", BUSY}), all_kinds()[0].call), Tally()
    tally.add(kind, "answered")
    tally.add(kind, BUSY)
    assert tally.surprises == []
    tally.add(kind, "INTERNAL")
    assert tally.surprises == ["six faces: INTERNAL"]
    assert missed(Soak([CALM], [tally], 1.0)) == {"unexpected outcomes"}


@pytest.mark.parametrize("name", NAMES)
def test_whatever_grows_is_seen(name: str) -> None:
    grown = replace(CALM, **{name: getattr(CALM, name) * 1.3 + 5})
    assert len(missed(Soak([CALM, CALM, grown], [Tally()], 1.0))) == 1
    assert missed(Soak([CALM, CALM, CALM], [Tally()], 1.0)) == set()


def test_growth_while_it_warms_up_is_not_judged() -> None:
    small = replace(CALM, memory_mb=300.0)
    assert missed(Soak([small, CALM, CALM], [Tally()], 1.0)) == set()
