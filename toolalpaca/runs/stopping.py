"""Ctrl-C: the first one stops admitting work and lets the calls in flight finish, a second one exits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def on_signals(stop: Callable[[int], None]) -> Iterator[None]:
    """Call `stop(signal number)` at the first SIGINT or SIGTERM; the second ends the process at once.

    What was committed is on the disk, so ending without any cleaning up loses nothing. Outside the
    main thread signals are left alone.
    """
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    def handle(number: int) -> None:
        if seen:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write("\nstopped at once; run the same command again to go on\n")
                sys.stderr.flush()
            os._exit(128 + number)
        seen.append(number)
        stop(number)

    def interrupted(number: int, frame: Any) -> None:
        # Python's own handler runs between any two instructions: one of the event loop's would wait for a
        # row's computing to end, which may take minutes.
        handle(number)
        loop.call_soon_threadsafe(lambda: None)  # wakes a loop that waits

    installed = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):
            installed.append((number, signal.signal(number, interrupted)))
    try:
        yield
    finally:
        for number, previous in installed:
            signal.signal(number, previous)
