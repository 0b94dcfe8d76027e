#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The lists of mutants (tests/mutants/*.txt) fit the tree: `./dev soak mutants`, which takes long, tries them.

An entry can be read, its file has its - line once, its test is one of meson's, and if the test is a Catch2 program, a
test case of it has one of the entry's rows in its name. An entry that names its test cases itself has rows of the page, and
there are such test cases; that they are of its test's program is for run.py to see.
"""

import re
import sys

import tree

sys.path.append(str(tree.ROOT / "tests/mutants"))
import entries
import rows

LISTS = re.compile(r"tests/mutants/(\w+)\.txt")
PROGRAM = re.compile(r"(\w+) = executable\((.*?\.cpp.*?)\)\n", re.DOTALL)
TEST = re.compile(r"\btest\('([^']+)'(?:\.format\([^)]*\)|( \+ \w+))?, *(\w+)")


def programs(files):
    """The sources of each test whose meson.build names it in full, or an empty list: by the test's name."""
    for meson, text in files.items():
        if not meson.endswith("meson.build") or not meson.startswith("tests/"):
            continue
        folder = meson.removesuffix("meson.build")
        sources = {name: [folder + s for s in re.findall(r"'([\w/.]+\.cpp)'", body)] for name, body in PROGRAM.findall(text)}
        for name, end, program in TEST.findall(text):
            yield name + ("@0@" if end else ""), sources.get(program, [])
        for names in re.findall(r"foreach \w+ : \[([^\]]*)\]", text):
            yield from ((name, []) for name in re.findall(r"'([^']+)'", names))


def sources_of(test, known):
    """The sources of a test, or None when there is none of that name; "sim-@0@" stands for "sim-1", as does 'sim-' + name."""
    if test in known:
        return known[test]
    for name, sources in known.items():
        if "@0@" in name and re.fullmatch(re.escape(name).replace("@0@", r"\w+"), test):
            return sources
    return None


def check_named(mutant, files):
    tests = (text for path, text in files.items() if path.startswith("tests/") and path.endswith(".cpp"))
    if not any(case.startswith(mutant.cases) for text in tests for case in entries.test_names(text)):
        yield f'no test case has a name that begins with "{mutant.cases}"'
    for row in mutant.rows:
        if not any(row in ids for ids, _, _ in rows.page_rows(files.get(rows.PAGE, ""))):
            yield f"{rows.PAGE} has no row {row}"


def check_mutant(mutant, files, known):
    if mutant.file not in files:
        yield f"there is no {mutant.file}"
    else:
        try:
            entries.place(mutant, files[mutant.file])
        except entries.BadEntry as error:
            yield error.args[1]
    sources = sources_of(mutant.test, known)
    if sources is None:
        yield f"meson has no test {mutant.test}"
        return
    if mutant.cases:
        yield from check_named(mutant, files)
        return
    cases = [case for source in sources for case in entries.test_names(files.get(source, ""))]
    if cases and not any(entries.names_row(case, row) for case in cases for row in mutant.rows):
        yield f"no test case of {mutant.test} has {' or '.join(mutant.rows)} in its name"


def check(files):
    known = dict(programs(files))
    for path, text in files.items():
        area = LISTS.fullmatch(path)
        for entry in entries.read(area.group(1), text) if area else ():
            if isinstance(entry, entries.BadEntry):
                yield path, entry.args[0], entry.args[1]
                continue
            for message in check_mutant(entry, files, known):
                yield path, entry.line, message


LIST = "tests/mutants/a.txt"
ENTRY = "row: D6\nfile: lib/a/b.cpp\ntest: a\n- c();\n+ d();\n"
BASE = {
    "lib/a/b.cpp": "  c();\n  c(1);\n",
    "tests/unit/a/meson.build": "unit_a = executable('unit_a', files('b_test.cpp'),\n  dependencies: [a_dep])\ntest('a', unit_a, suite: 'unit')\n"
    "foreach part : [0, 1]\n  test('sim-@0@'.format(part), sim, suite: 'sim')\nendforeach\n"
    "foreach name, sources : devices\n  test('model-' + name, program, suite: 'devmodel')\nendforeach\n",
    "tests/unit/a/b_test.cpp": 'TEST_CASE("D6, X17: one") {}\nTEST_CASE("two of them") {}',
    rows.PAGE: rows.ROW,
}
NAMED = ENTRY.replace("test: a", 'test: model-b "two"')
PLANTED = [
    BASE | {LIST: ENTRY.replace("row: D6\n", "")},
    BASE | {LIST: ENTRY.replace("D6", "budget")},
    BASE | {LIST: ENTRY.replace("+ d();", "+ c();")},
    BASE | {LIST: ENTRY + ENTRY},
    BASE | {LIST: ENTRY.replace("lib/a/b.cpp", "lib/a/e.cpp")},
    BASE | {LIST: ENTRY.replace("lib/a", "tests/unit/a").replace("b.cpp", "b_test.cpp")},
    BASE | {LIST: ENTRY, "lib/a/b.cpp": "c();\nc();\n"},
    BASE | {LIST: ENTRY, "lib/a/b.cpp": "c(1);\n"},
    BASE | {LIST: ENTRY.replace("test: a", "test: b")},
    BASE | {LIST: ENTRY.replace("D6", "D60")},
    BASE | {LIST: ENTRY.replace("D6", "X1")},
    BASE | {LIST: ENTRY.replace("test: a", "test: model")},
    BASE | {LIST: NAMED.replace("two", "three")},
    BASE | {LIST: NAMED.replace('"two"', '"two')},
    BASE | {LIST: NAMED.replace("D6", "D8")},
]
CLEAN = [
    BASE | {LIST: "# a list\n" + ENTRY + "\n# another\n" + ENTRY.replace("D6", "D7 X17").replace("+ d();", "+")},
    BASE | {LIST: ENTRY.replace("test: a", "test: sim-1")},
    BASE | {LIST: NAMED},
    {"tests/mutants/a.py": "row:"},
]

if __name__ == "__main__":
    tree.run(check, PLANTED, CLEAN)
