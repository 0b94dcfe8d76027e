#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes a copy of lib/stack/tcp/output.cpp that never sends anything a second time, for sim_seeds_mutant.

    without_retransmission.py SOURCE COPY

Fails when the lines that it changes are no longer there: then they are to be named anew.
"""

import sys
from pathlib import Path

MUTATIONS = {
    "if (c.recovery.resend_head && c.in_flight() > 0) {": "if (false) {",  # after duplicate ACKs
    "if (c.snd.rtx.before(c.snd.nxt)) {": "if (false) {",  # after a timeout
}


def main():
    source, copy = map(Path, sys.argv[1:])
    text = source.read_text()
    for line, mutated in MUTATIONS.items():
        if text.count(line) != 1:
            sys.exit(f"{source} has {text.count(line)} lines with: {line}")
        text = text.replace(line, mutated)
    copy.write_text(text)


if __name__ == "__main__":
    main()
