"""Settings of this process that arithmetic on a CPU wants, made before torch is loaded."""

from __future__ import annotations

import contextlib
import ctypes
import os

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of malloc.h
KEPT = (1 << 31) - 1  # bytes of freed memory that glibc may keep


def prepare_process() -> None:
    """Threads that wait without spinning, and memory that is kept and not asked for anew at each step.

    A thread of OpenMP that spins while it waits takes the core that a busy program beside it, or another
    thread of ours, would use: a step then takes twenty times as long. Memory that glibc gives back after
    every step is asked for again at the next: a third of an evaluation's time. What the environment says
    already stands.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, KEPT)
        mallopt(M_TOP_PAD, 64 << 20)


def bf16_on_cpu() -> bool:
    """Whether the processor multiplies matrices of bf16 faster than float32 ones, as torch tells."""
    import torch

    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in asked)
