"""HTTP/1.1 parser (h11) with the checks it leaves out: the header limit as documented, and one framing per body."""

from __future__ import annotations

from typing import Any

import h11


class StrictHttp(h11.Connection):
    """h11's server side. `next_event` also raises RemoteProtocolError for:

    - a request whose line and headers are over the limit and arrived at once (h11 looks at incomplete ones only);
    - Content-Length together with Transfer-Encoding, which two readers may understand differently (RFC 9112, 6.3).
    """

    def __init__(self, max_header_bytes: int) -> None:
        super().__init__(h11.SERVER, max_header_bytes)
        self._most = max_header_bytes

    def next_event(self) -> Any:
        """h11's next event; raises RemoteProtocolError."""
        before = len(self.trailing_data[0]) if self.their_state is h11.IDLE else 0
        event = super().next_event()
        if isinstance(event, h11.Request):
            if before - len(self.trailing_data[0]) > self._most:
                raise h11.RemoteProtocolError("headers are over the limit", error_status_hint=431)
            names = {name.lower() for name, _ in event.headers}
            if {b"content-length", b"transfer-encoding"} <= names:
                raise h11.RemoteProtocolError("Content-Length together with Transfer-Encoding")
        return event
