# SPDX-License-Identifier: BSD-3-Clause
"""The lists of mutants, tests/mutants/*.txt: one-line changes of the product, each of which a row's test has to notice.

    row: D6 D7                       ids of doc/receive_path.md
    file: lib/runtime/net_rx.cpp
    test: runtime                    meson's name of the test that fails; of a Catch2 program the test cases that name a row
    - budget -= work;                the whole line, without its indentation; the file has it once
    + budget -= 0;                   what stands there instead; may be empty

Where the test cases are those of a library that several programs share, or name no row, the begin of their names stands
behind the program's: `test: devmodel-igb "conformance: A14"`.

Empty lines part the entries; a line that begins with # is a remark. Used by run.py and by tests/lint/{mutants,rows}.py.
"""

import dataclasses
import re

PRODUCT = ("lib/", "drivers/", "apps/")
ROW = re.compile(r"[A-Z]\d+")
TEST_CASE = re.compile(r'\b(?:TEST_CASE|SCENARIO)\(\s*((?:"(?:\\.|[^"\\])*"\s*)+)')
TEST = re.compile(r'([^\s"]+)(?: "([^"]+)")?')
KEYS = ("row", "file", "test", "-", "+")


@dataclasses.dataclass
class Mutant:
    area: str
    line: int  # at which the entry begins
    rows: list
    file: str
    test: str
    cases: str  # the begin of the test cases' names; empty: those that name a row
    old: str
    new: str

    def __str__(self):
        return f"{self.area}:{self.line} {' '.join(self.rows)} ({self.file})"


class BadEntry(ValueError):
    """(line, message) of an entry that cannot be read."""


def blocks(text):
    """(number, lines) of each entry, remarks left out."""
    block, begin = [], 0
    for number, line in enumerate(text.split("\n") + [""], 1):
        if line.startswith("#"):
            continue
        if line.strip():
            begin = begin if block else number
            block.append(line)
        elif block:
            yield begin, block
            block = []


def field(line):
    """(key, value) of a line."""
    if line[0] in "+-":
        return line[0], line[1:].strip()
    key, _, value = line.partition(":")
    return key.strip(), value.strip()


def read_block(area, number, lines):
    pairs = [field(line) for line in lines]
    if tuple(key for key, _ in pairs) != KEYS:
        raise BadEntry(number, f"an entry has the lines {', '.join(KEYS)}, in this order; here are {', '.join(k for k, _ in pairs)}")
    row, file, test, old, new = (value for _, value in pairs)
    rows = row.split()
    if not rows or not all(ROW.fullmatch(r) for r in rows):
        raise BadEntry(number, f'"row: {row}" names no ids of rows, such as D6 or D6 X17')
    if not file.startswith(PRODUCT):
        raise BadEntry(number, f"{file} is no file of the product")
    named = TEST.fullmatch(test)
    if not named:
        raise BadEntry(number, f'"test: {test}" is neither a name nor a name and the begin of test cases in quotes')
    if not old or old == new:
        raise BadEntry(number, "the - line has to be there and to differ from the + line")
    return Mutant(area, number, rows, file, named[1], named[2] or "", old, new)


def read(area, text):
    """The mutants of a list; a BadEntry stands in the place of what cannot be read."""
    for number, lines in blocks(text):
        try:
            yield read_block(area, number, lines)
        except BadEntry as error:
            yield error


def place(mutant, text):
    """The index of the mutant's line in its file's lines. Raises BadEntry unless it is there once."""
    found = [n for n, line in enumerate(text.split("\n")) if line.strip() == mutant.old]
    if len(found) != 1:
        raise BadEntry(mutant.line, f'{mutant.file} has "{mutant.old}" {len(found)} times; it has to be there once')
    return found[0]


def mutate(mutant, text):
    lines = text.split("\n")
    at = place(mutant, text)
    lines[at] = lines[at][: len(lines[at]) - len(lines[at].lstrip())] + mutant.new
    return "\n".join(lines)


def test_names(text):
    """The names of a file's Catch2 test cases."""
    return ["".join(re.findall(r'"((?:\\.|[^"\\])*)"', parts)).replace('\\"', '"') for parts in TEST_CASE.findall(text)]


def names_row(name, row):
    """Whether a test's name names the row, as a word of its own."""
    return re.search(rf"(?<!\w){row}(?!\w)", name) is not None
