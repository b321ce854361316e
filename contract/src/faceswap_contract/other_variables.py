"""Environment variables of `faceswap serve`, the command line, the TypeScript route and the tests."""

from __future__ import annotations

from faceswap_contract.limits import GRPC_PORT
from faceswap_contract.variable import Program, Variable, VariableKind

_HTTP = (Program.SERVE, Program.WORKER)
_CLI = (Program.COMMAND_LINE,)


def _whole(name: str, default: int, meaning: str, minimum: int = 1) -> Variable:
    return Variable(f"FACESWAP_FRONT_{name}", VariableKind.INTEGER, default, meaning, _HTTP, minimum)


def _seconds(name: str, default: float, meaning: str) -> Variable:
    return Variable(f"FACESWAP_FRONT_{name}", VariableKind.NUMBER, default, meaning, _HTTP, above=0)


HTTP_VARIABLES = (
    Variable(
        "FACESWAP_FRONT_ROUTES",
        VariableKind.CHOICE,
        "all",
        "all, kserve (KServe v2) or plain (/swap and /faces)",
        (Program.SERVE,),
        choices=("all", "kserve", "plain"),
    ),
    _whole("MAX_BODY_BYTES", 64 * 2**20, "bytes of a whole request body"),
    _whole("MAX_HELD_BYTES", 256 * 2**20, "bytes of all request bodies held at once"),
    _whole("MAX_JSON_BYTES", 2**20, "bytes of a KServe request's JSON part"),
    _whole("MAX_HEADER_BYTES", 16 * 2**10, "bytes of a request's line and headers", 1024),
    _whole("MAX_ANSWER_BYTES", 128 * 2**20, "bytes of an answer of the plain API", 1000),
    _whole("MAX_IN_FLIGHT", 16, "requests processed or answered at once"),
    _whole("MAX_CONNECTIONS", 256, "open connections, idle ones included"),
    Variable(
        "FACESWAP_FRONT_ADDRESS_SHARE",
        VariableKind.NUMBER,
        0.5,
        "share of MAX_CONNECTIONS for one client address (IPv6: /64) before it shows the token or a whole request",
        _HTTP,
        above=0,
        maximum=1,
    ),
    Variable(
        "FACESWAP_FRONT_ALLOWED_HOSTS",
        VariableKind.TEXT,
        "",
        "Host names, with commas, besides localhost and IP addresses, that a front on loopback without a token answers",
        _HTTP,
    ),
    _seconds("HEADER_SECONDS", 10.0, "until a request's headers are complete, and for discarding a refused body"),
    _seconds("IDLE_SECONDS", 10.0, "between two pieces of a body or of an answer"),
    _seconds("BODY_SECONDS", 60.0, "until a request's body is complete"),
    _seconds("ANSWER_SECONDS", 120.0, "until Triton begins to answer"),
    _seconds("REQUEST_SECONDS", 300.0, "from a request's first byte until its answer has been sent"),
    _whole("DRAIN_SECONDS", 30, "for requests in flight when the front stops", 0),
)

OTHER_VARIABLES = (
    Variable(
        "FACESWAP_TOKEN",
        VariableKind.TEXT,
        None,
        "bearer token: `serve --listen`, `MODE=serve` and `MODE=lb` demand it, the command line sends it",
        (Program.SERVE, Program.WORKER, Program.COMMAND_LINE),
        secret=True,
    ),
    Variable(
        "FACESWAP_SERVER",
        VariableKind.TEXT,
        f"127.0.0.1:{GRPC_PORT}",
        "the server: HOST:PORT for gRPC, http://HOST:PORT or https://HOST:PORT for HTTP",
        _CLI,
    ),
    Variable("FACESWAP_DEBUG", VariableKind.SWITCH, False, "show the traceback of an unexpected error", _CLI),
    Variable(
        "FACESWAP_TIMEOUT_MS",
        VariableKind.INTEGER,
        120_000,
        "how long the route waits for a job, milliseconds",
        (Program.ROUTE,),
        minimum=2_000,
        maximum=290_000,
    ),
    Variable(
        "FACESWAP_ALLOW_URLS",
        VariableKind.CHOICE,
        "0",
        "1: the route accepts images as https addresses",
        (Program.ROUTE,),
        choices=("0", "1"),
    ),
    Variable(
        "FACESWAP_TEST_MODELS",
        VariableKind.PATH,
        None,
        "folder with published networks that some tests try too",
        (Program.TESTS,),
    ),
)
