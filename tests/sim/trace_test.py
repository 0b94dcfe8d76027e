#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""One seed gives one run, whatever the process: its trace is the same to the byte. Another seed gives another.

    trace_test.py SIM_SEEDS
"""

import subprocess
import sys
import tempfile
from pathlib import Path

KINDS = ["frame sent by 0", "frame sent by 1", "frame received from 0", "frame received from 1", "attached on lcore", "connected",
         "delivered", "read its end after", "close", "datagram host 0 sent", "datagram host 0 delivered"]


def trace(program, *arguments):
    """The events of the last world that a process of its own ran."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace"
        subprocess.run([program, *arguments, "--trace", path], check=True, stdout=subprocess.DEVNULL)
        return path.read_bytes()


def main():
    program = sys.argv[1]
    once = trace(program, "--first", "7")
    # The second process has run another world before: its memory is laid out differently, and nothing may be left over.
    again = trace(program, "--first", "6", "--seeds", "2")
    other = trace(program, "--first", "8")
    events = once.decode().splitlines()
    if once != again:
        pairs = enumerate(zip(events, again.decode().splitlines()), 1)
        first = next(((n, a, b) for n, (a, b) in pairs if a != b), "one is longer")
        sys.exit(f"two runs of seed 7 differ: {first}")
    if len(events) < 1000:
        sys.exit(f"{len(events)} events are too few to tell anything")
    missing = [kind for kind in KINDS if not any(kind in event for event in events)]
    if missing:
        sys.exit(f"seed 7 has no event of the kinds {missing}")
    if once == other:
        sys.exit("seeds 7 and 8 give the same run")
    print(f"{len(events)} events, the same in two processes")


if __name__ == "__main__":
    main()
