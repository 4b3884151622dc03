"""Run `basedrum generate` on many inputs, one after the other in one process under limits, for the tests of
bad input.

`python generate_each.py LIMIT_S < jobs.json > results`: a job is [input, output, more arguments] with the
names as hex of their bytes; a line of JSON for each: exit status, what was printed, seconds of processor,
peak memory so far. What hangs kills the process, so the last line tells who.
"""

import contextlib
import io
import json
import os
import resource
import signal
import sys
import time

MOST_ADDRESSES = 3 * 2**30


def run(arguments: list[str]) -> dict:
    from basedrum import cli

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    began = time.process_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(arguments)
    seconds = time.process_time() - began
    out.flush(), err.flush()
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return {
        "status": status,
        "out": texts[0],
        "err": texts[1],
        "seconds": seconds,
        "peak_bytes": peak_bytes(),
    }


def peak_bytes() -> int:
    """Return the most memory this program has held. On Linux `ru_maxrss` would count what its parent held
    before the exec."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(limit_s: float) -> None:
    import torch

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    for source, output, more in json.load(sys.stdin):
        signal.setitimer(signal.ITIMER_PROF, 4 * limit_s)  # of processor time: a hang in C is killed as well
        signal.alarm(60)  # and one that waits for a pipe
        names = [os.fsdecode(bytes.fromhex(name)) for name in (source, output)]
        output = ["-o", names[1]] if names[1] else []
        print(json.dumps(run(["generate", names[0], *output, *more])), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]))
