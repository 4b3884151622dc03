"""How much work a call does, told without a clock: the Python and C functions that it calls, and the memory
it takes at most.

The counts are the same on every machine, so a bound can be tight where a limit in seconds could not; how fast
the work is done is told by `benchmark.py`.
"""

from __future__ import annotations

import sys
import tracemalloc
from types import FrameType, TracebackType


class Work:
    """A context in which work is counted; the numbers are there when it is left.

    Attributes:
        calls: the functions called, of Python and of C.
        peak_bytes: the most memory held at once that was not held before, arrays of numpy included.
    """

    def __init__(self) -> None:
        self.calls = self.peak_bytes = 0

    def __enter__(self) -> Work:
        tracemalloc.start()
        self._held = tracemalloc.get_traced_memory()[0]
        sys.setprofile(self._count)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        sys.setprofile(None)
        self.peak_bytes = tracemalloc.get_traced_memory()[1] - self._held
        tracemalloc.stop()

    def _count(self, frame: FrameType, event: str, argument: object) -> None:
        self.calls += event in ("call", "c_call")
