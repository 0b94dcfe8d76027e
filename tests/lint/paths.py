#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Nothing in the tree names a folder of the machine that it was written on."""

import re

import tree

MACHINE = re.compile(r"(?<![\w.$}/-])/(?:home/[a-z][\w-]*|root|Users/\w+|work)/")


def check(files):
    for path, text in files.items():
        if path.startswith("tests/fuzz/corpus/"):
            continue
        for number, line in tree.lines(text):
            if MACHINE.search(line):
                yield path, number, "names a folder of one machine"


# Joined here, so that this file is clean itself.
HOME, WORK = "/".join(["", "home", "me", "x"]), "/".join(["", "work", "x"])
PLANTED = [{"a.md": f"see {HOME}"}, {"a.py": f"open('{WORK}')"}]
CLEAN = [{"a.md": "tests/work/x, /tmp/x, $HOME/x, https://example.org/root/x"}]

if __name__ == "__main__":
    tree.run(check, PLANTED, CLEAN)
