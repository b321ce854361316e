"""glibc malloc settings of a step: keep freed memory for the next image, return it to the kernel when idle.

Both functions do nothing where the C library is not glibc. See docs/adr/0023-heap-of-a-step.md.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h

KEPT_BYTES = 16 * 2**20
"""Free memory at the end of the heap that is kept instead of being returned and zeroed again for every image."""
LARGEST_IN_HEAP_BYTES = 4 * 2**20
"""A larger block is allocated with mmap, and returned to the kernel when it is freed."""


def keep_freed_memory() -> None:
    """Sets the malloc thresholds of this process.

    Not by glibc's environment variables: tritonserver and its steps share an environment, and the server needs others
    (`faceswap_server.triton.environment.ALLOCATOR`).
    """
    mallopt = _of_libc("mallopt")
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, LARGEST_IN_HEAP_BYTES)


def trim_heap() -> None:
    """Returns freed memory to the kernel."""
    trim = _of_libc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_libc(name: str) -> Callable[..., int] | None:
    found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return found
