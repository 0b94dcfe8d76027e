#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each row of the receive path that a release needs is in doc/receive_path.md, with code, a test by its id, and a mutant.

    rows.py                 the lint
    rows.py --missing       what each row lacks
    rows.py --write         strikes the rows that are whole out of rows_open.txt

A row of the page is whole when it names code, a counter (or "-" for none) and a test, of which one has the id in its name
(doc_rows.py sees to it that they exist), and when a mutant of tests/mutants/*.txt is there for it. rows_open.txt lists
the ids that are not whole yet; it only gets shorter.
"""

import re
import sys

import doc_rows
import tree

sys.path.append(str(tree.ROOT / "tests/mutants"))
import entries

NEEDED = """
B1 B2 B3 B4 B5 B7 B9
C1 C2 C3 C4 C5 C6 C7 C8 C9 C10 C11 C12 C14
D1 D2 D3 D4 D5 D6 D7 D8 D9 D10 D11 D12 D13 D14 D15 D16 D17 D18
E1 E2 E3 E4 E5 E6 E7 E8 E9 E10 E11 E12 E13 E14 E15 E16 E18 E19 E20
F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12 F13 F14 F15 F16 F17 F18 F19 F20 F21 F22 F23
G1 G2 G3 G4 G5 G6 G7 G8 G9 G10 G11
H1 H2 H3 H4 H5 H6 H7 H8 H9 H10 H11 H12 H13 H14 H15 H16 H17
I1 I2 I3 I4 I5
J1 J2 J3 J5 J6 J7 J8 J9 J10 J11
L1 L3 L4 L5 L6 L7 L8 L9 L10 L12
M1 M2 M3 M4 M5 M6
O1 O2 O3 O4 O5 O6 O8 O10
P1 P2 P3 P4 P9
X18 X19 X20 X21
""".split()

PAGE = "doc/receive_path.md"
OPEN = "tests/lint/rows_open.txt"


def page_rows(text):
    """(ids, cells, line number) of each row of the page's tables of five columns."""
    for number, line in tree.lines(text):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 5:
            ids = [part.strip() for part in cells[0].split(",")]
            if all(entries.ROW.fullmatch(id) for id in ids):
                yield ids, cells, number


def has_test_by_id(id, cell, files):
    """Whether a test that the cell cites has the id in its name. A program of no test cases names it in its text."""
    paths = {p for span in doc_rows.SPAN.findall(cell) for _, found in doc_rows.named_files(span, files) for p in found}
    paths = [p for p in paths if p.startswith("tests/")]
    cited = doc_rows.QUOTED.findall(doc_rows.SPAN.sub("", cell))
    for path in paths:
        names = doc_rows.test_names(files[path])
        if any(entries.names_row(name, id) for name in names if name.startswith(tuple(cited))):
            return True
        if not names and entries.names_row(files[path], id):
            return True
    return False


def lacks(id, files):
    """What keeps a row from being whole, in words."""
    rows = [cells for ids, cells, _ in page_rows(files.get(PAGE, "")) if id in ids]
    if not rows:
        yield f"no row in {PAGE}"
    for cell, name in ((2, "code"), (3, "test"), (4, 'counter (or "-")')) if rows else ():
        if not any(cells[cell] for cells in rows):
            yield f"no {name} in its row"
    if rows and not any(has_test_by_id(id, cells[3], files) for cells in rows):
        yield f"no test with {id} in its name in its row"
    lists = (entries.read(path, text) for path, text in files.items() if re.fullmatch(r"tests/mutants/\w+\.txt", path))
    if not any(id in entry.rows for entry_list in lists for entry in entry_list if isinstance(entry, entries.Mutant)):
        yield "no mutant in tests/mutants/*.txt"


def open_rows(files):
    """(line, id) of what rows_open.txt lists."""
    for number, line in tree.lines(files.get(OPEN, "")):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def check(files, needed=NEEDED):
    is_open = {id: number for number, id in open_rows(files)}
    for id, number in is_open.items():
        if id not in needed:
            yield OPEN, number, f"{id} is no row that is needed"
        elif not list(lacks(id, files)):
            yield OPEN, number, f"{id} is whole: strike it out here (python3 tests/lint/rows.py --write)"
    for id in needed:
        missing = [] if id in is_open else list(lacks(id, files))
        if missing:
            line = next((n for ids, _, n in page_rows(files.get(PAGE, "")) if id in ids), 1)
            yield PAGE, line, f"{id} is not whole, and {OPEN} only gets shorter: {'; '.join(missing)}"


def print_missing(files):
    missing = {id: list(lacks(id, files)) for id in NEEDED}
    for id, what in missing.items():
        if what:
            print(f"{id}: {'; '.join(what)}")
    print(f"{sum(not what for what in missing.values())} of {len(NEEDED)} rows are whole")


def strike_out(files):
    whole = {id for id in NEEDED if not list(lacks(id, files))}
    kept = [line for line in files[OPEN].split("\n") if line.strip() not in whole]
    (tree.ROOT / OPEN).write_text("\n".join(kept))


ROW = "| D6, D7 | budget | `net_rx.cpp` | `a_test.cpp` \"D6: six\" | `softnet.polls` |"
MUTANT = "row: D6\nfile: lib/net_rx.cpp\ntest: a\n- c();\n+ d();\n"
BASE = {
    PAGE: ROW,
    "lib/net_rx.cpp": "",
    "tests/unit/a_test.cpp": 'TEST_CASE("D6: six queues") {}\nTEST_CASE("two queues") {}',
    "tests/interop/a.py": '"""D6 on a cable"""',
    "tests/mutants/a.txt": MUTANT,
}
PLANTED = [
    {},
    BASE | {PAGE: ""},
    BASE | {PAGE: ROW.replace("D6, D7", "D7")},
    BASE | {PAGE: ROW.replace("`net_rx.cpp`", "")},
    BASE | {PAGE: ROW.replace("`softnet.polls`", "")},
    BASE | {PAGE: ROW.replace('`a_test.cpp` "D6: six"', "")},
    BASE | {PAGE: ROW.replace("D6: six", "two")},
    BASE | {"tests/unit/a_test.cpp": 'TEST_CASE("D60: six queues") {}'},
    BASE | {PAGE: ROW.replace('`a_test.cpp` "D6: six"', "`interop/a.py`"), "tests/interop/a.py": ""},
    BASE | {"tests/mutants/a.txt": MUTANT.replace("D6", "D7")},
    BASE | {OPEN: "D6"},
    BASE | {OPEN: "D8"},
]
CLEAN = [
    BASE,
    BASE | {PAGE: ROW.replace("`softnet.polls`", "-")},
    BASE | {PAGE: ROW.replace('`a_test.cpp` "D6: six"', "`interop/a.py`")},
    {OPEN: "# not yet\nD6\n"},
]

if __name__ == "__main__":
    if sys.argv[1:] == ["--missing"]:
        sys.exit(print_missing(tree.files()))
    if sys.argv[1:] == ["--write"]:
        sys.exit(strike_out(tree.files()))
    for planted in PLANTED:
        if not list(check(planted, ["D6"])):
            sys.exit(f"self-test: the violation planted in {planted} was not found")
    for clean in CLEAN:
        for finding in check(clean, ["D6"]):
            sys.exit(f"self-test: {finding} is no violation")
    tree.run(check, [])
