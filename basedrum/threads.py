"""One thread for sums too small to share: torch's threads would wait for each other longer than they work.

On a busy machine a song takes a hundred times as long with two threads (`lab/NOTES.md`). One thread also
makes the sums, and so the bytes, the same on any number of cores.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread inside, and on as many as before afterwards; also a decorator."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
