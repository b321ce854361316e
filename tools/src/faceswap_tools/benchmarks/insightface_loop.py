"""insightface swap loop in a separate process: one line of JSON in starts a run, one line out is its result.

The loop is the one people write, `FaceAnalysis.get` on source and target and `INSwapper.get` for each face, called
from a number of threads that share the models. onnxruntime and OpenCV keep their default threads.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceswap_tools.benchmarks.closed_loop import ClosedLoop, run_closed_loop


@dataclass(frozen=True, slots=True)
class LoopResult:
    """A run, and the CPU seconds of the whole process outside the networks.

    Network time can be told apart only while one request runs at a time: with more it is None.
    """

    loop: ClosedLoop
    cpu_seconds: float
    outside_networks_seconds: float | None


class InsightfaceLoop:
    """The child process. `networks` are paths of det_10g, w600k_r50 and inswapper_128 with float inputs."""

    def __init__(self, networks: Mapping[str, Path], source: Path, target: Path) -> None:
        setting = {"source": str(source), "target": str(target), **{name: str(networks[name]) for name in networks}}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, json.dumps(setting)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, in_flight: int, *, seconds: float, requests: tuple[int, int] = (1, 100_000)) -> LoopResult:
        """One closed loop in the child; raises RuntimeError when it ended."""
        if self._process.stdin is None:
            raise RuntimeError("the insightface process has no input")
        self._process.stdin.write(json.dumps([in_flight, seconds, *requests]) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        loop = ClosedLoop(in_flight, answer["seconds"], answer["latencies_ms"])
        return LoopResult(loop, answer["cpu_seconds"], answer["outside_networks_seconds"] if in_flight == 1 else None)

    def close(self) -> None:
        """Ends the child."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise RuntimeError("the insightface process ended before it answered; its message is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def insightface_loop(networks: Mapping[str, Path], source: Path, target: Path) -> Iterator[InsightfaceLoop]:
    """Starts the child and ends it."""
    loop = InsightfaceLoop(networks, source, target)
    try:
        yield loop
    finally:
        loop.close()


class _TimedSession:
    """An onnxruntime session that adds up the CPU time this process spends while it runs."""

    def __init__(self, session: Any, spent: list[float]) -> None:
        self._session, self._spent = session, spent

    def run(self, *arguments: Any) -> Any:
        start = time.process_time()
        answer = self._session.run(*arguments)
        self._spent[0] += time.process_time() - start
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def _request(setting: Mapping[str, str], spent: list[float]) -> Any:
    """A function without arguments that does one whole request and returns the encoded result."""
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    from insightface.app import FaceAnalysis  # noqa: PLC0415
    from insightface.model_zoo.arcface_onnx import ArcFaceONNX  # noqa: PLC0415
    from insightface.model_zoo.inswapper import INSwapper  # noqa: PLC0415
    from insightface.model_zoo.scrfd import SCRFD  # noqa: PLC0415

    detector = SCRFD(model_file=setting["det_10g"])
    recogniser = ArcFaceONNX(model_file=setting["w600k_r50"])
    swapper = INSwapper(model_file=setting["inswapper_128"])
    detector.prepare(0, input_size=(640, 640), det_thresh=0.5)
    for model in (detector, recogniser, swapper):
        model.session = _TimedSession(model.session, spent)
    analysis = FaceAnalysis.__new__(FaceAnalysis)  # its constructor downloads a pack
    analysis.models, analysis.det_model = {"detection": detector, "recognition": recogniser}, detector
    analysis.addons, analysis.liveness_mode = {}, "normal"
    source, target = (np.fromfile(setting[name], np.uint8) for name in ("source", "target"))

    def request() -> bytes:
        face = analysis.get(cv2.imdecode(source, cv2.IMREAD_COLOR))[0]
        image = cv2.imdecode(target, cv2.IMREAD_COLOR)
        for found in analysis.get(image):
            image = swapper.get(image, found, face, paste_back=True)
        return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())

    return request


def main() -> None:
    """The child: reads runs from standard input until it closes."""
    if "--help" in sys.argv:
        sys.stdout.write(f"{__doc__}\nStarted by the benchmarks, not by hand.\n")
        return
    setting, spent = json.loads(sys.argv[1]), [0.0]
    with contextlib.redirect_stdout(sys.stderr):  # insightface prints; standard output is for answers
        request = _request(setting, spent)
        request()
    _say({})
    for line in sys.stdin:
        in_flight, seconds, fewest, most = json.loads(line)
        spent[0], began = 0.0, time.process_time()
        loop = run_closed_loop(request, in_flight, seconds=seconds, requests=(fewest, most))
        used = time.process_time() - began
        answer = {"seconds": loop.seconds, "latencies_ms": loop.latencies_ms, "cpu_seconds": used}
        _say({**answer, "outside_networks_seconds": used - spent[0]})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
