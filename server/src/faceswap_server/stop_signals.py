"""Signals that stop a server in order: SIGTERM, Ctrl-C, Ctrl-\\ and a closed terminal."""

from __future__ import annotations

import signal


def stop_signals() -> tuple[signal.Signals, ...]:
    """SIGTERM, SIGINT, SIGQUIT, and SIGHUP unless this process was started to ignore it (`nohup`)."""
    always = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
    return always if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (*always, signal.SIGHUP)
