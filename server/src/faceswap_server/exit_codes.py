"""Exit codes of `faceswap serve` and the RunPod worker: those of the contract, under the name the server imports."""

from __future__ import annotations

from faceswap_contract.exit_codes import FROM_SIGNALS, ExitCode

__all__ = ["FROM_SIGNALS", "ExitCode"]
