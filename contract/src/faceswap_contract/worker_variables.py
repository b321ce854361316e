"""Environment variables of jobs (RunPod worker, plain API) and of the worker alone.

Those without the prefix have names that RunPod gives them.
"""

from __future__ import annotations

from faceswap_contract.limits import MAX_TARGETS
from faceswap_contract.variable import Program, Variable, VariableKind

_WORKER = (Program.WORKER,)
_JOBS = (Program.WORKER, Program.SERVE)


def _whole(
    name: str,
    default: int | None,
    meaning: str,
    minimum: int,
    maximum: int | None = None,
    programs: tuple[Program, ...] = _WORKER,
) -> Variable:
    return Variable(name, VariableKind.INTEGER, default, meaning, programs, minimum, maximum)


def _seconds(name: str, default: float, meaning: str, programs: tuple[Program, ...] = _WORKER) -> Variable:
    return Variable(name, VariableKind.NUMBER, default, meaning, programs, above=0)


def _choice(
    name: str, default: str, meaning: str, choices: tuple[str, ...], programs: tuple[Program, ...] = _WORKER
) -> Variable:
    return Variable(name, VariableKind.CHOICE, default, meaning, programs, choices=choices)


WORKER_VARIABLES = (
    _choice(
        "MODE",
        "queue",
        "queue, lb (RunPod's load balancing), or serve (`faceswap serve --listen` without RunPod)",
        ("queue", "lb", "serve"),
    ),
    _choice(
        "FACESWAP_JOBS",
        "faceswap",
        "schema of jobs: faceswap, or inswapper (those of runpod-worker-inswapper are accepted too)",
        ("faceswap", "inswapper"),
        _JOBS,
    ),
    _whole(
        "FACESWAP_CONCURRENCY",
        24,
        "jobs in flight; 16 to 32 lets Triton batch them, 1 makes them wait in line",
        1,
        32,
        _JOBS,
    ),
    Variable(
        "FACESWAP_SDK_LOOP",
        VariableKind.SWITCH,
        False,
        "the SDK's own job loop: 50 ms more for each job, and SIGTERM can lose one",
        _WORKER,
    ),
    Variable(
        "FACESWAP_DRAIN_SECONDS",
        VariableKind.NUMBER,
        30.0,
        "time jobs in flight get after SIGTERM",
        _WORKER,
        minimum=0,
    ),
    _seconds("FACESWAP_JOB_SECONDS", 60.0, "time one swap of a job may take in the server", _JOBS),
    _seconds("FACESWAP_START_SECONDS", 300.0, "time Triton gets to load every model"),
    _whole(
        "FACESWAP_RESTARTS", 5, "further starts of Triton in a row that may fail; the next ends the container", 0, 100
    ),
    _whole("FACESWAP_WARM_UP", None, "swaps before the first job, all at once; default 8, 0 with pip's Triton", 0, 64),
    _choice(
        "FACESWAP_TRITON",
        "auto",
        "auto, native (the image's own) or bundled (the one that pip installs)",
        ("auto", "native", "bundled"),
    ),
    Variable(
        "FACESWAP_TRITONSERVER",
        VariableKind.PATH,
        "/opt/tritonserver/bin/tritonserver",
        "the image's own server: the program or its home directory",
        _WORKER,
    ),
    Variable("FACESWAP_MODEL_REPOSITORY", VariableKind.PATH, None, "default: the checkout's served one", _WORKER),
    Variable(
        "FACESWAP_TRITON_ARGUMENTS",
        VariableKind.TEXT,
        "",
        "further arguments for tritonserver, as in a shell",
        _WORKER,
    ),
    _choice(
        "FACESWAP_REQUIRE_GPU",
        "auto",
        "auto (when the container has a GPU, the networks must run on it), yes or no",
        ("auto", "yes", "no"),
    ),
    Variable(
        "FACESWAP_STATE_FILE",
        VariableKind.PATH,
        None,
        "where the worker tells its container's health check how the server is, and its address",
        _WORKER,
    ),
    _whole("FACESWAP_MAX_TARGETS", 16, "target images of one job", 1, MAX_TARGETS, _JOBS),
    _whole("FACESWAP_MAX_JOB_BYTES", 64 * 2**20, "bytes of all images of one job", 1, None, _JOBS),
    _whole("FACESWAP_RUN_BYTES", 10_000_000, "largest answer to /run (RunPod: 10 MB)", 1000),
    _whole("FACESWAP_RUNSYNC_BYTES", 20_000_000, "largest answer to /runsync (RunPod: 20 MB)", 1000),
    _whole("FACESWAP_LB_BYTES", 30_000_000, "largest HTTP request and answer (RunPod: 30 MB)", 1000),
    _seconds("FACESWAP_DOWNLOAD_SECONDS", 20.0, "time one download may take, redirects included", _JOBS),
    _whole("FACESWAP_MAX_REDIRECTS", 3, "redirects one download may follow", 0, 10, _JOBS),
    _whole("FACESWAP_LINK_SECONDS", 3600, "how long a link to an upload works", 60, 604_800),
    _seconds("FACESWAP_UPLOAD_SECONDS", 30.0, "time one upload may wait for the bucket"),
    Variable(
        "FACESWAP_ALLOW_PRIVATE_ADDRESSES",
        VariableKind.SWITCH,
        False,
        "URLs and buckets on private networks, and buckets over http; for local development only",
        _JOBS,
    ),
    Variable(
        "FACESWAP_TOKEN_FILE",
        VariableKind.PATH,
        None,
        "file with the token that `serve --listen`, `MODE=serve` and `MODE=lb` demand of callers, instead of "
        "FACESWAP_TOKEN",
        _JOBS,
    ),
    Variable(
        "FACESWAP_HOST",
        VariableKind.TEXT,
        "0.0.0.0",  # noqa: S104 (the platform's edge calls)
        "address of the HTTP server (`MODE=lb` and `serve`)",
        _WORKER,
    ),
    _whole("PORT", 80, "port of the HTTP server (`MODE=lb` and `serve`)", 1, 65535),
    _whole("PORT_HEALTH", None, "port of /ping; default: PORT", 1, 65535),
    Variable(
        "HEALTH_CHECK_PATH",
        VariableKind.TEXT,
        "/ping",
        "path of the health check",
        _WORKER,
        pattern=r"^/[\w/.-]*$",
    ),
)
