"""`python -m faceswap_tools.load --rates 1,2,4,8`: an overload curve of a server on this machine."""

from __future__ import annotations

import asyncio
import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from faceswap_client import AsyncClient, SwapResult
from rich.console import Console

from faceswap_tools.load.curve import draw_curve, outcome_table
from faceswap_tools.load.open_loop import LONGEST_SECONDS, Arrivals, Outcome, sweep
from faceswap_tools.photographs import astronaut, six_people

MOST_RATES = 20
EXIT_USAGE = 2
EXIT_NOTHING_ANSWERED = 3


def load(
    rates: Annotated[str, typer.Option(help="Offered requests per second, for example 1,2,4,8.")] = "1,2,4,8",
    seconds: Annotated[float, typer.Option(help="Time for each rate.", min=1.0, max=LONGEST_SECONDS)] = 15.0,
    server: Annotated[str, typer.Option(help="Address on this machine (loopback only).")] = "127.0.0.1:8001",
    source: Annotated[Path | None, typer.Option(help="Source image; default a portrait.")] = None,
    target: Annotated[Path | None, typer.Option(help="Target image; default six people.")] = None,
    arrivals: Annotated[Arrivals, typer.Option(help="Independent callers, or a clock.")] = Arrivals.POISSON,
    timeout: Annotated[float, typer.Option(help="Seconds a request waits for its answer.", min=0.1)] = 30.0,
    seed: Annotated[int, typer.Option(help="Of the arrival times: the same number, the same times.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="PNG of the curve; default none.")] = None,
) -> None:
    """Offer rising rates to a local server and print what came of each.

    Exit codes: 0 measured, 2 wrong arguments, 3 no request was answered at all.
    """
    console = Console(markup=False, emoji=False, highlight=False)
    try:
        offered = checked_rates(rates)
        check_loopback(server)
        images = (source or astronaut()).read_bytes(), (target or six_people()).read_bytes()
    except (ValueError, OSError) as error:
        Console(stderr=True, markup=False, emoji=False).print(f"load: {error}", style="red")
        raise typer.Exit(EXIT_USAGE) from None

    def tell(outcome: Outcome) -> None:
        console.print(f"{outcome.offered:g}/s offered, {outcome.goodput:.2f}/s answered, {outcome.refused} refused")

    async def run() -> list[Outcome]:
        # every request does all the work: nothing is remembered of the source
        async with AsyncClient(server, timeout=timeout, remember_sources=0, retries=0) as client:

            async def call() -> SwapResult:
                return await client.swap(*images)

            return await sweep(call, offered, seconds=seconds, arrivals=arrivals, seed=seed, done=tell)

    outcomes = asyncio.run(run())
    console.print(outcome_table(outcomes))
    if plot is not None:
        draw_curve(outcomes, plot, f"{server}, {arrivals.value} arrivals, {seconds:g} s each")
        console.print(f"plot {plot}")
    if not any(outcome.latencies_ms for outcome in outcomes):
        raise typer.Exit(EXIT_NOTHING_ANSWERED)


def checked_rates(text: str) -> list[float]:
    """Rates from "1,2,4.5", ascending; raises ValueError with one line that says what is wrong."""
    try:
        rates = sorted(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--rates {text} is not a list of numbers such as 1,2,4") from None
    if not 1 <= len(rates) <= MOST_RATES or not all(0 < rate <= 1000 for rate in rates):
        raise ValueError(f"--rates takes 1 to {MOST_RATES} numbers above 0, up to 1000")
    return rates


def check_loopback(server: str) -> None:
    """Raises ValueError unless the address is this machine's own: load is for one's own servers."""
    host = urlsplit(server if "://" in server else f"grpc://{server}").hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise ValueError(f"--server {server} is not on this machine; this tool loads 127.0.0.1 and localhost only")


def main() -> None:
    """The command line."""
    typer.run(load)


if __name__ == "__main__":
    main()
