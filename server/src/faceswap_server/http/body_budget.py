"""Memory budget for request bodies: the bytes that all requests together may hold at once."""

from __future__ import annotations

from types import TracebackType

from faceswap_server.http.http_error import HttpError


class BodyBudget:
    """The sum over all requests; lives in the server's event loop."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self.bytes = 0

    def room(self) -> BodyRoom:
        """The share of one request, nothing taken yet; a context manager that returns it."""
        return BodyRoom(self)

    def check(self, count: int) -> None:
        """Raises HttpError (SERVER_BUSY) when there is no room for so many more bytes."""
        if self.bytes + count > self._most:
            raise HttpError("SERVER_BUSY", "the front holds as many bytes of requests as it takes; try again")


class BodyRoom:
    """One request's share of the budget. Bytes are taken as they arrive, so an announced length reserves nothing."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self._taken = 0

    def check(self, count: int) -> None:
        """Raises HttpError (SERVER_BUSY) when a body of so many bytes would not fit now."""
        self._budget.check(count - self._taken)

    def reach(self, count: int) -> None:
        """Takes what is missing to `count` bytes in all; raises HttpError (SERVER_BUSY)."""
        self.check(count)
        self._budget.bytes += count - self._taken
        self._taken = count

    def __enter__(self) -> BodyRoom:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._budget.bytes -= self._taken
        self._taken = 0
