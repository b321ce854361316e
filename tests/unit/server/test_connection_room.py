"""Who goes when a port has as many connections as it takes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from faceswap_server.http.connection_room import RESERVE, ConnectionRoom, network_of
from faceswap_server.http.settings import FrontSettings


@dataclass(eq=False)
class Caller:
    network: str
    is_known: bool = False
    port: int = 80
    in_reserve: bool = False
    dropped: bool = False

    def drop(self) -> None:
        self.dropped = True


def room(most: int, share: float) -> ConnectionRoom:
    return ConnectionRoom(FrontSettings(max_connections=most, address_share=share))


def admit(into: ConnectionRoom, count: int, network: str, known: bool = False, port: int = 80) -> list[Caller]:
    callers = [Caller(network, known, port) for _ in range(count)]
    for each in callers:
        into.admit(each)
    return callers


def kept(callers: list[Caller]) -> int:
    return sum(not each.dropped for each in callers)


def test_an_address_over_its_share_drops_its_own_oldest() -> None:
    here = room(8, 0.5)
    other = admit(here, 3, "b")
    crowd = admit(here, 10, "a")
    assert kept(other) == 3
    assert [each.dropped for each in crowd] == [True] * 6 + [False] * 4


def test_when_full_the_largest_unknown_address_pays() -> None:
    here = room(4, 1)
    few, many, known = admit(here, 1, "a"), admit(here, 2, "b"), admit(here, 1, "b", known=True)
    admit(here, 1, "c")
    assert (kept(few), kept(many), kept(known)) == (1, 1, 1)


def test_when_all_are_known_the_reserve_takes_new_ones() -> None:
    here = room(2, 0.5)
    known = admit(here, 2, "a", known=True)
    late = admit(here, RESERVE + 3, "b")
    assert kept(known) == 2
    assert all(each.in_reserve for each in late)
    assert kept(late) == RESERVE


def test_ports_and_closed_connections_do_not_count() -> None:
    here = room(2, 1)
    first = admit(here, 2, "a", known=True)
    (elsewhere,) = admit(here, 1, "a", port=81)
    assert not elsewhere.in_reserve
    here.leave(first[0])
    (next_one,) = admit(here, 1, "a")
    assert not next_one.in_reserve


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_an_ipv6_subscriber_is_one_address(host: str, network: str) -> None:
    assert network_of(host) == network
