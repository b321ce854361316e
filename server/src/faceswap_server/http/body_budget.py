"""How many bytes of request bodies the front holds at once, of all callers together."""

from __future__ import annotations

from faceswap_server.http.http_error import HttpError


class BodyBudget:
    """The sum over all requests; lives in the front's event loop."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self.bytes = 0

    def room(self) -> BodyRoom:
        """Room for the body of one request, none taken yet."""
        return BodyRoom(self)

    def take(self, count: int) -> None:
        """Raises HttpError (SERVER_BUSY) when there is no room for so many more bytes."""
        if self.bytes + count > self._most:
            raise HttpError("SERVER_BUSY", "the front holds as many bytes of requests as it takes; try again")
        self.bytes += count

    def let_go(self, count: int) -> None:
        """Gives room back."""
        self.bytes -= count


class BodyRoom:
    """What one request has taken of the room; `let_go` when its body is."""

    def __init__(self, held: BodyBudget) -> None:
        self._held = held
        self._taken = 0

    def reach(self, count: int) -> None:
        """Takes what is missing to `count` bytes in all; raises HttpError (SERVER_BUSY)."""
        if count > self._taken:
            self._held.take(count - self._taken)
            self._taken = count

    def let_go(self) -> None:
        """Gives all of it back; may be called again."""
        self._held.let_go(self._taken)
        self._taken = 0
