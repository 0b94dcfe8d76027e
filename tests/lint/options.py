#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every option of lib/stack/socket/option.def has one row in the table of doc/sockets.md, with its Linux name and a test."""

import re

import tree

DEF, DOC = "lib/stack/socket/option.def", "doc/sockets.md"
OPTION = re.compile(r'^MR_OPTION\((\w+), "(\w+)", (stream|udp|both), (get|set|put), -?\w+, \w+\)$')
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \|.*\| ([^|]*) \|$", re.MULTILINE)


def check(files):
    rows = {option: (linux, test) for option, linux, test in ROW.findall(files.get(DOC, ""))}
    declared = set()
    for number, line in tree.lines(files.get(DEF, "")):
        if not line or line.startswith("//"):
            continue
        option = OPTION.match(line)
        if not option:
            yield DEF, number, 'neither a comment nor MR_OPTION(id, "NAME", stream|udp|both, get|set|put, min, max)'
            continue
        declared.add(option.group(1))
        linux, test = rows.get(option.group(1), ("", ""))
        if linux != option.group(2):
            yield DEF, number, f"{DOC} has no row for {option.group(1)}, {option.group(2)}"
        elif '"' not in test:
            yield DEF, number, f"the row of {option.group(1)} in {DOC} cites no test"
    for option in rows.keys() - declared:
        yield DOC, 1, f"{option} is no option of {DEF}"


GOOD = 'MR_OPTION(a, "SO_A", udp, set, 0, 9)\n'
ROW_OF_A = '| `a` | `SO_A` | UDP | 0..9 | 0 | `x_test.cpp` "a" |\n'
PLANTED = [
    {DEF: GOOD, DOC: ""},
    {DEF: GOOD, DOC: ROW_OF_A.replace('"a"', "")},
    {DEF: GOOD, DOC: ROW_OF_A.replace("SO_A", "SO_B")},
    {DEF: "MR_OPTION(a)\n", DOC: ""},
    {DEF: "", DOC: ROW_OF_A},
]
CLEAN = [{DEF: "// About.\n" + GOOD, DOC: ROW_OF_A}, {}]

if __name__ == "__main__":
    tree.run(check, PLANTED, CLEAN)
