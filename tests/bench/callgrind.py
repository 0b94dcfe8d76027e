#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts the instructions per packet of a program's loops: its functions mr_count_NAME.

    callgrind.py PROGRAM [ARGUMENT...]

Runs the program under valgrind and prints, for each loop that it names with the number of packets, the loop's name and its
instructions per packet, what it calls included. What a signal handler does in its course is not: there a device model answers.
Called by instructions.cpp. Exits with 77 and a sentence when valgrind is missing.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# A handler finds all registers as they are when a load or store faults.
OPTIONS = ["--collect-atstart=no", "--toggle-collect=mr_count_*", "--px-default=allregs-at-mem-access", "--px-file-backed=allregs-at-mem-access"]


def inclusive_costs(profile):
    """Instructions of each loop, from callgrind_annotate's list of functions with what they call."""
    listing = subprocess.run(
        ["callgrind_annotate", "--inclusive=yes", "--threshold=100", str(profile)],
        check=True, capture_output=True, text=True,
    ).stdout
    costs = {}
    for line in listing.splitlines():
        row = re.match(r"\s*([\d,]+)\s.*?\b(mr_count_\w+)\b", line)
        if row:
            number = int(row.group(1).replace(",", ""))
            costs[row.group(2)] = max(costs.get(row.group(2), 0), number)
    return costs


def count(command):
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "callgrind.out"
        # Everything is linked at the start, so that no lookup of a symbol is counted.
        run = subprocess.run(
            ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={profile}", *OPTIONS, *command],
            env={"LD_BIND_NOW": "1", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        )
        moved = dict(re.findall(r"^(mr_count_\w+) (\d+)$", run.stdout, re.MULTILINE))
        if run.returncode or not moved:
            sys.exit("the loops did not run under valgrind: " + (run.stderr.strip().splitlines() or ["no message"])[-1])
        costs = inclusive_costs(profile)
    for loop, packets in moved.items():
        print(loop, f"{costs[loop] / int(packets):.2f}")


if __name__ == "__main__":
    if not shutil.which("valgrind") or not shutil.which("callgrind_annotate"):
        print("valgrind is not installed")
        sys.exit(77)
    count(sys.argv[1:])
