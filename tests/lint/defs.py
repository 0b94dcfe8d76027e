#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each counter is declared once, in a .def of lib/stats, and everything else follows from it.

Every line of a .def is a comment or MR_X(id, "name", "help"), unique in its file; every .def is counted, exported and
tabulated in doc/counters.md, which `defs.py --write` makes.
"""

import re
import sys

import tree

ROW = re.compile(r'MR_X\((\w+), "([^"]+)", "([^"|]+)"\)$')
DECLARED, EXPORTED, DOC = "lib/stats/lcore_stats.hpp", "lib/stats/lcore_stats.cpp", "doc/counters.md"
HEAD = """# Counters

Every counter that an lcore keeps, as `lib/stats/*.def` declares them; `./dev format` writes this page anew. Each lcore
writes its own, readers sum them, nobody resets them. The names are Linux's where Linux has the counter.
"""


def groups(files):
    """(group, path) of each .def file."""
    for path in sorted(files):
        if path.startswith("lib/stats/") and path.endswith(".def"):
            yield path.removeprefix("lib/stats/").removesuffix(".def"), path


def check_rows(path, text):
    ids, names = set(), set()
    for number, line in tree.lines(text):
        if not line or line.startswith("//"):
            continue
        row = ROW.match(line)
        if not row:
            yield path, number, 'neither a comment nor MR_X(id, "name", "help")'
            continue
        if row.group(1) in ids or row.group(2) in names:
            yield path, number, f"{row.group(2)} is declared twice"
        ids.add(row.group(1))
        names.add(row.group(2))


def page(files):
    """doc/counters.md."""
    text = HEAD
    for group, path in groups(files):
        lines = files[path].split("\n")
        about = " ".join(line.removeprefix("//").strip() for line in lines[1:] if line.startswith("//"))
        text += f"\n## {group}\n{about}\n\n| counter | counts |\n|---|---|\n"
        text += "".join(f"| `{row.group(2)}` | {row.group(3)} |\n" for row in map(ROW.match, lines) if row)
    return text


def check(files):
    for group, path in groups(files):
        yield from check_rows(path, files[path])
        for place in (DECLARED, EXPORTED):
            if f"#include <millrace/stats/{group}.def>" not in files.get(place, ""):
                yield path, 1, f"{place} does not include it"
        if f'"{group}"' not in files.get(EXPORTED, ""):
            yield path, 1, f"{EXPORTED} does not visit the group"
    if any(groups(files)) and files.get(DOC) != page(files):
        yield DOC, 1, "is not what lib/stats/*.def says; ./dev format writes it"


def tree_with(rows, **changes):
    include = "#include <millrace/stats/a.def>\n"
    files = {"lib/stats/a.def": rows, DECLARED: include, EXPORTED: include + '"a"'} | changes.pop("files", {})
    return {DOC: page(files)} | files


GOOD = 'MR_X(x, "x", "an x")\n'
PLANTED = [
    tree_with(GOOD + GOOD),
    tree_with('MR_X(x, "x")\n'),
    tree_with('MR_X(x, "x", "")\n'),
    tree_with(GOOD, files={EXPORTED: "#include <millrace/stats/a.def>"}),
    tree_with(GOOD, files={DECLARED: ""}),
    tree_with(GOOD, files={DOC: HEAD}),
]
CLEAN = [tree_with("// About.\n" + GOOD)]

if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        (tree.ROOT / DOC).write_text(page(tree.files()))
    else:
        tree.run(check, PLANTED, CLEAN)
