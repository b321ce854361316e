"""Environment variables of the Python steps inside Triton: limits, signatures, labels, the content gate, the audit."""

from __future__ import annotations

from faceswap_contract import limits
from faceswap_contract.options import option
from faceswap_contract.variable import Program, Variable, VariableKind

_STEPS = (Program.STEPS,)
_JOBS = (Program.STEPS, Program.WORKER, Program.SERVE)

STEPS_VARIABLES = (
    Variable(
        "FACESWAP_MAX_IMAGE_BYTES",
        VariableKind.INTEGER,
        limits.MAX_IMAGE_BYTES,
        "encoded bytes of one image",
        _JOBS,
        minimum=1,
    ),
    Variable(
        "FACESWAP_MAX_IMAGE_PIXELS",
        VariableKind.INTEGER,
        limits.MAX_IMAGE_PIXELS,
        "width times height of one image",
        _STEPS,
        minimum=1,
    ),
    Variable(
        "FACESWAP_MAX_IMAGE_SIDE",
        VariableKind.INTEGER,
        limits.MAX_IMAGE_SIDE,
        "longer side of one image, in pixels",
        _STEPS,
        minimum=1,
    ),
    Variable(
        "FACESWAP_MAX_SOURCES",
        VariableKind.INTEGER,
        limits.MAX_SOURCES,
        "source images of one request",
        _JOBS,
        minimum=1,
        maximum=limits.MAX_SOURCES,
    ),
    Variable(
        "FACESWAP_MAX_FACES",
        VariableKind.INTEGER,
        limits.MAX_FACES,
        "faces of one image that are processed, the largest first",
        _STEPS,
        minimum=1,
        maximum=limits.MAX_FACES,
    ),
    Variable(
        "FACESWAP_MAX_IN_FLIGHT",
        VariableKind.INTEGER,
        64,
        "requests accepted and not yet answered",
        _STEPS,
        minimum=1,
    ),
    Variable(
        "FACESWAP_MEMORY_LIMIT_MB",
        VariableKind.INTEGER,
        None,
        "memory of the whole server, MiB; unset: 0.9 of the container's or machine's",
        _STEPS,
        minimum=1,
    ),
    Variable(
        "FACESWAP_REQUEST_SECONDS",
        VariableKind.NUMBER,
        120.0,
        "time a request may take inside the server",
        _STEPS,
        above=0,
    ),
    Variable(
        "FACESWAP_FRAMES_DIRECTORY",
        VariableKind.PATH,
        None,
        "tmpfs folder in which each server makes a private one for decoded images; unset: /dev/shm",
        _STEPS,
    ),
    Variable(
        "FACESWAP_SERVER_RESTARTS",
        VariableKind.INTEGER,
        0,
        "set by the launcher: how often the server was started again, for the metric `faceswap_server_starts`",
        _STEPS,
        minimum=0,
    ),
    Variable(
        "FACESWAP_SERVER_NAME",
        VariableKind.TEXT,
        None,
        "set by the launcher: name of the server's files in shared memory",
        _STEPS,
        pattern=r"^p\d{1,10}-[0-9a-f]{16}$",
    ),
    Variable(
        "FACESWAP_SIGN_CHAIN",
        VariableKind.PATH,
        None,
        "PEM file: the signer's certificate, then its issuers; set it to sign",
        _STEPS,
    ),
    Variable(
        "FACESWAP_SIGN_KEY",
        VariableKind.PATH,
        None,
        "PEM file: the signer's private key, PKCS#8, no password",
        _STEPS,
    ),
    Variable(
        "FACESWAP_SIGN_CALLBACK",
        VariableKind.TEXT,
        None,
        "`module:function` in place of the key: bytes in, signature out (a key service)",
        _STEPS,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
    ),
    Variable(
        "FACESWAP_SIGN_ALGORITHM",
        VariableKind.CHOICE,
        "es256",
        "the key's: es256, es384, es512, ps256, ps384, ps512 or ed25519",
        _STEPS,
        choices=("es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"),
    ),
    Variable(
        "FACESWAP_SIGN_TIME_STAMPS",
        VariableKind.TEXT,
        None,
        "address of an RFC 3161 time-stamp authority: one call for every image",
        _STEPS,
    ),
    Variable(
        "FACESWAP_LABEL",
        VariableKind.CHOICE,
        "off",
        "a corner forces the visible label onto every swap; requests may choose another",
        _STEPS,
        choices=option("label").choices,
    ),
    Variable(
        "FACESWAP_CONTENT_GATE",
        VariableKind.CHOICE,
        "installed",
        "installed: the gate in the model repository, if there is one; required: no start without one",
        _STEPS,
        choices=("installed", "required"),
    ),
    Variable(
        "FACESWAP_AUDIT",
        VariableKind.TEXT,
        "off",
        "off, stdout, or the file audit lines are appended to",
        _STEPS,
    ),
    Variable(
        "FACESWAP_AUDIT_SALT",
        VariableKind.PATH,
        None,
        "file with at least 16 random bytes that key the hashes in audit lines",
        _STEPS,
    ),
    Variable(
        "FACESWAP_AUDIT_TAG",
        VariableKind.TEXT,
        "",
        "a text chosen by the operator, in every audit line",
        _STEPS,
        longest=128,
    ),
)
"""Limits of image bytes and of sources are read by jobs too, which are checked before they are sent on."""
