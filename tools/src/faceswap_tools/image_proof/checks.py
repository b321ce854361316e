"""Checks of a built image: its configuration, then its worker in every mode, from first health check to end."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import psutil
from faceswap_server.doctor.command import EXIT_BROKEN
from faceswap_server.exit_codes import ExitCode
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_server.triton.ports import HOST, free_port
from PIL import Image

from faceswap_tools.image_proof.builder import ImageConfig, ProofFailed
from faceswap_tools.image_proof.isolated_run import IsolatedRun

Say = Callable[[str], None]


def prove(condition: bool, otherwise: str) -> None:
    """Raises ProofFailed with one line unless the condition holds."""
    if not condition:
        raise ProofFailed(otherwise)


def check_config(config: ImageConfig, root: Path, say: Say) -> None:
    """What the image says about itself, and what is in it."""
    prove(config.user == "1000:1000", f"USER is {config.user!r}")
    prove(config.stop_signal == "SIGTERM", f"STOPSIGNAL is {config.stop_signal!r}")
    prove(config.entrypoint[:2] == ("/usr/bin/tini", "--"), f"ENTRYPOINT is {config.entrypoint}")
    prove(config.health_check[-1:] == ("faceswap_server.runpod.health",), f"HEALTHCHECK is {config.health_check}")
    labels = [label for label in config.labels if label.startswith("org.opencontainers.image.")]
    prove(len(labels) >= 5, f"labels: {sorted(config.labels)}")
    say(
        f"user {config.user}, stop signal, tini, health check, {len(labels)} OCI labels, "
        f"pack {config.labels['faceswap.pack']}"
    )
    for name in ("find-links", "extra-index-url", "originals_url="):
        prove(name not in config.history, f"the image's history names {name}")
    pip = root / "etc" / "pip.conf"
    prove(not pip.exists() or pip.stat().st_size == 0, "/etc/pip.conf of the build is in the image")
    writable = [path for path in (root / "opt").rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o002]
    prove(not writable, f"everybody may write {writable[:3]}")
    say("no package index, secret or writable file left in it")


def check_gateway(root: Path, config: ImageConfig, extra: Mapping[str, str], scratch: Path, say: Say) -> None:
    """`MODE=lb`: loading, health, a swap, the stop."""
    port = free_port()
    started = time.monotonic()
    environment = {**extra, "MODE": "lb", "PORT": str(port), "FACESWAP_HOST": HOST}
    with IsolatedRun(root, config, environment, scratch / "gateway.log") as run:
        seen = wait_for_ping(run, port)
        say(f"MODE=lb: /ping {' then '.join(map(str, seen))}, ready {time.monotonic() - started:.1f} s after its start")
        tini = run.first_process
        prove(tini.name() == "tini", f"process 1 is {tini.name()}")
        users = {process.uids().effective for process in (tini, *tini.children(recursive=True))}
        prove(users == {1000}, f"processes run as {users}")
        refused = run.run_inside(["sh", "-c", "touch /opt/faceswap/x || touch /usr/x"])
        prove(refused.returncode != 0, "the worker may write into the image")
        say("tini is process 1, every process runs as 1000, the root is read-only")
        health = run.health_check()
        prove(health.returncode == 0, f"HEALTHCHECK: {health.stdout}{health.stderr}")
        say(f"HEALTHCHECK: {health.stdout.strip()}")
        size, faces = swap_over_http(port)
        say(f"POST /swap: {faces} face swapped, JPEG of {size[0]}x{size[1]}")
        code = run.stop()
        prove(code == 0, f"SIGTERM ended it with {code}: {run.last_words()}")
        say("SIGTERM: exit code 0")


def check_queue(root: Path, config: ImageConfig, extra: Mapping[str, str], scratch: Path, say: Say) -> None:
    """`MODE=queue` under the local API server of RunPod's SDK."""
    port = free_port()
    arguments = ("--rp_serve_api", "--rp_api_host", HOST, "--rp_api_port", str(port))
    with IsolatedRun(root, config, extra, scratch / "queue.log", arguments=arguments) as run:
        wait_until_open(run, port)
        image = base64.b64encode(probe_image()).decode()
        body = {"input": {"source": image, "target": image}}
        answer = httpx.post(f"http://{HOST}:{port}/runsync", json=body, timeout=60, trust_env=False).json()
        prove(answer.get("status") == "COMPLETED", f"/runsync: {answer.get('status')} {answer.get('error')}")
        read_image(base64.b64decode(answer["output"]["image"]))
        code = run.stop()
        prove(code == 0, f"SIGTERM ended it with {code}: {run.last_words()}")
        say("RunPod's SDK, local API: /runsync COMPLETED; SIGTERM: exit code 0")


def check_dying_server(root: Path, config: ImageConfig, extra: Mapping[str, str], scratch: Path, say: Say) -> None:
    """Triton hangs: the health check says so. It is killed: the worker starts it again, each time."""
    port = free_port()
    environment = {**extra, "MODE": "lb", "PORT": str(port), "FACESWAP_HOST": HOST, "FACESWAP_RESTARTS": "0"}
    with IsolatedRun(root, config, environment, scratch / "dying.log") as run:
        wait_for_ping(run, port)
        server = triton_of(run)
        os.kill(server, signal.SIGSTOP)
        health = run.health_check()
        prove(health.returncode == 1, f"HEALTHCHECK of a server that hangs: {health.returncode} {health.stdout}")
        say(f"tritonserver stopped: HEALTHCHECK unhealthy ({health.stdout.strip()})")
        for times in ("", " again"):
            killed = time.monotonic()
            os.kill(triton_of(run), signal.SIGKILL)
            wait_for_ping(run, port, status=503)
            wait_for_ping(run, port)
            seconds = time.monotonic() - killed
            swap_over_http(port)
            say(f"tritonserver killed{times}: /ping 503, 200 and swaps after {seconds:.1f} s, in the same container")
        code = run.stop()
        prove(code == ExitCode.STOPPED, f"SIGTERM ended it with {code}: {run.last_words()}")


def check_refusals(root: Path, config: ImageConfig, extra: Mapping[str, str], scratch: Path, say: Say) -> None:
    """Settings that are not allowed, and shared memory as small as Docker's default."""
    with IsolatedRun(root, config, {**extra, "FACESWAP_CONCURRENCY": "99"}, scratch / "settings.log") as run:
        code = run.wait(30)
        prove(code == ExitCode.BAD_SETTINGS, f"FACESWAP_CONCURRENCY=99 ended with {code}")
        prove("FACESWAP_CONCURRENCY" in run.last_words(), run.last_words())
    say("FACESWAP_CONCURRENCY=99: exit code 2 and the variable's name")
    arguments = ("-c", "exec python3 -m faceswap_server.doctor --checks image,pack,memory,shm")
    shell = ImageConfig(**{**{name: getattr(config, name) for name in config.__slots__}, "entrypoint": ("/bin/sh",)})
    with IsolatedRun(root, shell, extra, scratch / "doctor.log", arguments=arguments, shm="64m") as run:
        code = run.wait(60)
        prove(code == EXIT_BROKEN, f"`faceswap doctor` with 64 MB of /dev/shm ended with {code}: {run.last_words()}")
        prove("--shm-size" in run.log.read_text(), run.last_words())
    say("shared memory of 64 MB: `faceswap doctor` stops at 'shm' and names --shm-size")


def wait_for_ping(run: IsolatedRun, port: int, seconds: float = 180.0, *, status: int = 200) -> list[int]:
    """The statuses the health check of the platform went through until the one waited for."""
    seen: list[int] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not run.has_ended():
        try:
            found = httpx.get(f"http://{HOST}:{port}/ping", timeout=5, trust_env=False).status_code
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if found not in seen:
            seen.append(found)
        if found == status:
            return seen
        time.sleep(0.05)
    raise ProofFailed(f"/ping never said {status} ({seen}): {run.last_words()}")


def wait_until_open(run: IsolatedRun, port: int, seconds: float = 180.0) -> None:
    """Waits until a server listens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not run.has_ended():
        with socket.socket() as caller:
            if caller.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.1)
    raise ProofFailed(f"nothing listens: {run.last_words()}")


def swap_over_http(port: int) -> tuple[tuple[int, int], int]:
    """A swap as a caller asks for it: size of the result and faces swapped."""
    image = probe_image()
    files = {"source": ("a.jpg", image, "image/jpeg"), "target": ("b.jpg", image, "image/jpeg")}
    url = f"http://{HOST}:{port}/swap"
    answer = httpx.post(url, files=files, headers={"Accept": "image/*"}, timeout=60, trust_env=False)
    prove(answer.status_code == 200, f"POST /swap: {answer.status_code} {answer.text[:200]}")
    faces = int(answer.headers["X-Faceswap-Faces"])
    prove(faces == 1, f"{faces} faces swapped")
    return read_image(answer.content), faces


def read_image(data: bytes) -> tuple[int, int]:
    """Size of an encoded image, decoded wholly; it is not the one that was sent."""
    prove(data != probe_image(), "the image came back untouched")
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.size


def triton_of(run: IsolatedRun) -> int:
    """Process id of its tritonserver."""
    for process in run.first_process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() == "tritonserver":
                return process.pid
    raise ProofFailed("no tritonserver is running")
