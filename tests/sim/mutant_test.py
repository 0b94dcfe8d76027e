#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The simulation notices that retransmission is missing.

    mutant_test.py SIM_SEEDS SIM_SEEDS_MUTANT

The mutant has to fail on one of the first 50 seeds, for the right reason; the product has to pass all up to there.
"""

import re
import subprocess
import sys

REASONS = re.compile(r"FAILED seed (\d+): (stuck|.*Connection timed out|a connection was reset or given up)")


def main():
    product, mutant = sys.argv[1:]
    run = subprocess.run([mutant, "--seeds", "50"], capture_output=True, text=True)
    failed = REASONS.search(run.stdout)
    if run.returncode != 1 or not failed:
        sys.exit(f"without retransmission sim_seeds ended with {run.returncode}\n{run.stdout}{run.stderr}")
    print(failed.group())
    sys.exit(subprocess.run([product, "--seeds", failed.group(1)]).returncode)


if __name__ == "__main__":
    main()
