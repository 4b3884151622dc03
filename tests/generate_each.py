"""Run `basedrum generate` on many inputs, one after the other in one process of limited memory, for the tests
of bad input.

A job is [input, output, more arguments] with the names as hex of their bytes; a line of JSON for each: exit
status, what was printed, peak memory so far. An input that hangs ends the process, so the number of lines
tells which.
"""

import contextlib
import io
import json
import os
import resource
import signal

MOST_ADDRESSES = 3 * 2**30
HANGS_S = 120  # for one input, of which the longest takes a second or two


def run(arguments: list[str]) -> dict:
    from basedrum import cli

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(arguments)
    out.flush(), err.flush()
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return {
        "status": status,
        "out": texts[0],
        "err": texts[1],
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


def main(jobs: list) -> None:
    """Run the jobs and print their results. The limits stay: call it in a process made for it."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    for source, output, more in jobs:
        signal.alarm(HANGS_S)  # no handler: a hang in C is ended as well
        names = [os.fsdecode(bytes.fromhex(name)) for name in (source, output)]
        output = ["-o", names[1]] if names[1] else []
        print(json.dumps(run(["generate", names[0], *output, *more])), flush=True)
