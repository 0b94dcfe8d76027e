#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every drop reason is one that the code gives, and that a test names."""

import re

import tree

DEF = "lib/stats/drop.def"


def named_in(files, folders):
    """The reasons that the C++ of these folders names."""
    code = (tree.code_only(t) for p, t in files.items() if p.startswith(folders) and p.endswith(tree.CPP))
    return {name for text in code for name in re.findall(r"\bDropReason::(\w+)", text)}


def check(files):
    given, tested = named_in(files, ("lib/", "drivers/")), named_in(files, ("tests/",))
    for number, line in tree.lines(files.get(DEF, "")):
        row = re.match(r"MR_X\((\w+),", line)
        if row and row.group(1) not in given:
            yield DEF, number, f"nothing drops a packet with {row.group(1)}"
        if row and row.group(1) not in tested:
            yield DEF, number, f"no test names DropReason::{row.group(1)}"


ROW = {DEF: 'MR_X(x, "x", "y")'}
USE = "drop(env, std::move(p), stats::DropReason::x);"
PLANTED = [ROW | {"lib/a.cpp": USE}, ROW | {"tests/a.cpp": USE}, ROW | {"lib/a.cpp": USE, "tests/a.cpp": f"// {USE}"}]
CLEAN = [ROW | {"lib/a.cpp": USE, "tests/a.cpp": USE}]

if __name__ == "__main__":
    tree.run(check, PLANTED, CLEAN)
