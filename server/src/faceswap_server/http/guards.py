"""Admission control: limits that all routes and all callers share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from faceswap_server.http.body_budget import BodyBudget
from faceswap_server.http.http_error import HttpError
from faceswap_server.http.settings import FrontSettings


class Guards:
    """Requests in flight and bytes of bodies held; lives in the server's event loop.

    A request whose body is still arriving is not in flight: it costs a connection and the bytes that have come, until a
    deadline ends it. So slow uploads cannot keep others out.
    """

    def __init__(self, settings: FrontSettings) -> None:
        self.settings = settings
        self.bodies = BodyBudget(settings.max_held_bytes)
        self.in_flight = 0

    def check_admission(self) -> None:
        """Raises HttpError (SERVER_BUSY) when as many requests are in flight as may be; asked before a body is read."""
        if self.in_flight >= self.settings.max_in_flight:
            raise HttpError("SERVER_BUSY", "the front has as many requests in flight as it takes; try again")

    def with_room_of_its_own(self) -> Guards:
        """The same limits and the same memory budget, with requests in flight counted apart."""
        apart = Guards(self.settings)
        apart.bodies = self.bodies
        return apart

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Counts one request in flight for the length of the block; raises as `check_admission`."""
        self.check_admission()
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
