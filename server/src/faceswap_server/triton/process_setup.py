"""Prepares a process and then becomes the program in it: killed with its parent, its files for its user alone.

    [*command(), PROGRAM, ARG, ...]

A launcher that is killed outright cannot clean up; with PR_SET_PDEATHSIG no server is left behind even then. Killed,
not asked to end: a tritonserver that has crashed can hang in its own signal handler and hear nothing ("terminate called
recursively"). Its steps notice that it has gone, and their regions are deleted by the next start.

Triton's Python backend makes its regions under /dev/shm with Boost.Interprocess, whose `shared_memory_object` opens
them with mode 0644 and then sets that mode once more with fchmod(2), so that no umask helps. Closing them afterwards
leaves a moment in which another user can open one and go on reading. So the umask is 077, and a seccomp filter makes
fchmod calls that would give something to group or others do nothing and succeed. The filter is inherited by the stubs.
Where the kernel has no seccomp filters, or on another processor, the launcher closes the regions as they appear
(`TritonServer`).
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
PRIVATE = 0o077  # umask
_SECCOMP_SET_MODE_FILTER, _SPEC_ALLOW = 1, 4
"""linux/seccomp.h. SPEC_ALLOW: kernels before 5.16 would otherwise slow the whole process down (SSBD)."""
_ARCHITECTURES = {
    "x86_64": (0xC000003E, 91, 317),
    "aarch64": (0xC00000B7, 52, 277),
}
"""By machine: AUDIT_ARCH of linux/audit.h, and the numbers of fchmod and seccomp in asm/unistd.h."""
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
"""linux/bpf_common.h: BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JSET|BPF_K, BPF_RET|BPF_K."""
_NUMBER, _ARCHITECTURE, _SECOND_ARGUMENT = 0, 4, 24  # offsets in struct seccomp_data, little-endian
_ALLOW, _SUCCEED = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with error 0


class _Program(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def command() -> list[str]:
    """What to put before the program and its arguments; this process is the parent whose death counts.

    Python runs this file alone (-I, -S): importing the package would cost every start a third of a second.
    """
    return [sys.executable, "-I", "-S", __file__, str(os.getpid())]


def filter_program(architecture: int, fchmod: int) -> bytes:
    """BPF instructions: fchmod with a mode for group or others succeeds and does nothing, all else is as it was.

    Args:
        architecture, fchmod: of `_ARCHITECTURES`.
    """
    instructions = (  # code, jump if true, jump if false, operand; jumps count from the next instruction
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, 5, architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_EQUAL, 0, 3, fchmod),
        (_LOAD, 0, 0, _SECOND_ARGUMENT),
        (_ANY_BIT, 0, 1, PRIVATE),
        (_RETURN, 0, 0, _SUCCEED),
        (_RETURN, 0, 0, _ALLOW),
    )
    return b"".join(struct.pack("=HBBI", *each) for each in instructions)


def keep_files_private() -> bool:
    """Makes all files of this process and its children private; False where only the umask could be set."""
    os.umask(PRIVATE)
    known = _ARCHITECTURES.get(os.uname().machine)
    if known is None:
        return False
    architecture, fchmod, seccomp = known
    code = filter_program(architecture, fchmod)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))
    program = _Program(len(code) // 8, code)
    numbers = map(ctypes.c_long, (seccomp, _SECCOMP_SET_MODE_FILTER, _SPEC_ALLOW))
    return bool(libc.syscall(*numbers, ctypes.byref(program)) == 0)


def main(arguments: list[str]) -> None:
    """Replaces this process; does not return."""
    parent = int(arguments[0])
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call above
        raise SystemExit(1)
    keep_files_private()
    os.execv(arguments[1], arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
