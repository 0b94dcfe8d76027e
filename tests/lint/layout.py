#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""No tabs, no blanks at the end of a line, one newline at the end of a file."""

import tree

SOURCES = (*tree.CPP, ".def", ".py", ".build", ".yaml", ".md")


def check(files):
    for path, text in files.items():
        if not text or not (path.endswith(SOURCES) or text.startswith("#!")):
            continue
        if not text.endswith("\n") or text.endswith("\n\n"):
            yield path, text.count("\n"), "does not end with one newline"
        for number, line in tree.lines(text):
            if "\t" in line:
                yield path, number, "a tab"
            if line != line.rstrip():
                yield path, number, "blanks at the end of the line"


PLANTED = [{"a.cpp": "\tx\n"}, {"a.cpp": "x \n"}, {"a.cpp": "x"}, {"a.cpp": "x\n\n"}]
CLEAN = [{"a.cpp": "x\n\ny\n"}]

if __name__ == "__main__":
    tree.run(check, PLANTED, CLEAN)
