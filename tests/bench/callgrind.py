#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts the instructions per packet of the loops of B3, B5 and UDP.

    callgrind.py PROGRAM [PACKETS]

Runs PROGRAM --callgrind-child under valgrind and prints, for each loop, its name and its instructions per packet, what
it calls included. Called by instructions.cpp. Exits with 77 and a sentence when valgrind is missing.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOOPS = ["mr_count_bare", "mr_count_port", "mr_count_poll_loop", "mr_count_own", "mr_count_other", "mr_count_rps_off", "mr_count_no_rps", "mr_count_lookup",
         "mr_count_udp_take", "mr_count_udp_gro", "mr_count_udp_echo", "mr_count_udp_reassemble", "mr_count_lwip_take", "mr_count_lwip_echo",
         "mr_count_lwip_reassemble", "mr_count_udp_send", "mr_count_lwip_send"]


def inclusive_costs(profile):
    """Instructions of each loop, from callgrind_annotate's list of functions with what they call."""
    listing = subprocess.run(
        ["callgrind_annotate", "--inclusive=yes", "--threshold=100", str(profile)],
        check=True, capture_output=True, text=True,
    ).stdout
    costs = {}
    for line in listing.splitlines():
        row = re.match(r"\s*([\d,]+)\s.*?\b(" + "|".join(LOOPS) + r")\b", line)
        if row:
            number = int(row.group(1).replace(",", ""))
            costs[row.group(2)] = max(costs.get(row.group(2), 0), number)
    return costs


def count(program, packets):
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "callgrind.out"
        # Everything is linked at the start, so that no lookup of a symbol is counted.
        run = subprocess.run(
            ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={profile}",
             program, "--callgrind-child", str(packets)],
            env={"LD_BIND_NOW": "1", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        )
        moved = dict(re.findall(r"^(mr_count_\w+) (\d+)$", run.stdout, re.MULTILINE))
        if run.returncode or set(moved) != set(LOOPS):
            sys.exit("the loops did not run under valgrind: " + (run.stderr.strip().splitlines() or ["no message"])[-1])
        costs = inclusive_costs(profile)
    for loop in LOOPS:
        print(loop, f"{costs[loop] / int(moved[loop]):.2f}")


if __name__ == "__main__":
    if not shutil.which("valgrind") or not shutil.which("callgrind_annotate"):
        print("valgrind is not installed")
        sys.exit(77)
    count(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 64000)
