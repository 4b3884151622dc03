"""How much work a call does, told without a clock: the functions that it calls, and the memory it takes.

The counts are the same on every machine, so a bound can be tight where a limit in seconds could not; how fast
the work is done is told by `benchmark.py`.
"""

from __future__ import annotations

import sys
import tracemalloc
from types import FrameType, TracebackType


class Calls:
    """A context in which function calls are counted, of Python and of C: `count`."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Calls:
        sys.setprofile(self._profile)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call" or event == "c_call":
            self.count += 1


class Memory:
    """A context that tells the most memory held at once that was not held before, numpy's included:
    `peak_bytes`, when it is left."""

    def __init__(self) -> None:
        self.peak_bytes = 0

    def __enter__(self) -> Memory:
        tracemalloc.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
