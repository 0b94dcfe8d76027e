#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the pages on architecture, receive path and TCP cite is there: files, tests, counters, members of classes.

A code span that looks like a file is one of the tree, given by its path or the end of it. On a line that names a file
of tests/, straight double quotes hold the name, or its beginning, of a test of that file, and meson builds the file.
`group.name` is a counter of lib/stats or a tunable, `Class::member` stands in the C++. doc/tcp.md names functions, (file)
and tests of lib/stack/tcp in short.
"""

import fnmatch
import re

import tree

PAGES = ("doc/architecture.md", "doc/receive_path.md", "doc/tcp.md", "doc/sockets.md")
TCP, TCP_SOURCES, TCP_TESTS = "doc/tcp.md", "lib/stack/tcp/", "tests/unit/stack/tcp/"
TUNABLES = "lib/config/sysctl.def"

SPAN = re.compile(r"`([^`]+)`")
FILE = re.compile(r"(?<![>\w.*/-])[\w.*/-]*\w\.(?:cpp|hpp|def|py|md|yaml|txt|build)\b|(?:lib|drivers|apps|examples|tests|config|doc)/[\w/-]*/(?![\w*])")
QUOTED = re.compile(r'"([^"]+)"')
DOTTED = re.compile(r"(\w+)\.(\w+)")
MEMBER = re.compile(r"\b([A-Z]\w*)::(\w+)")
TEST_CASE = re.compile(r'\bTEST_CASE\(\s*((?:"(?:\\.|[^"\\])*"\s*)+)')


def named_files(span, files):
    """(spelling, paths that it may mean) of each file or folder that a code span names."""
    for spelling in FILE.findall(span):
        name = re.sub(r"^millrace/", "lib/", spelling).rstrip("/")
        inside = name + "/*" if spelling.endswith("/") else name
        yield spelling, [p for p in files if fnmatch.fnmatchcase(p, inside) or fnmatch.fnmatchcase(p, "*/" + inside)]


def is_built(path, files):
    """Whether a meson.build in the file's folder, or above it, names it."""
    folders = path.split("/")[:-1]
    above = ["/".join(folders[:n] + ["meson.build"]) for n in range(1, len(folders) + 1)]
    stem = path.split("/")[-1].removesuffix(".cpp")
    return any(re.search(rf"['/]{stem}(\.cpp)?'", files.get(meson, "")) for meson in above)


def test_names(text):
    return ["".join(re.findall(r'"((?:\\.|[^"\\])*)"', parts)).replace('\\"', '"') for parts in TEST_CASE.findall(text)]


def check_tests(line, paths, files):
    """The tests that a line cites, and the test files that it names."""
    for path in paths:
        if TEST_CASE.search(files[path]) and not is_built(path, files):
            yield f"{path} is built by no meson.build"
    names = [name for path in paths for name in test_names(files[path])]
    for cited in QUOTED.findall(SPAN.sub("", line)):
        if paths and not any(name.startswith(cited) for name in names):
            yield f'no test of {", ".join(paths)} has a name that begins "{cited}"'


def check_names(span, files):
    """A counter or a tunable, and members of classes."""
    dotted = DOTTED.fullmatch(span)
    if dotted and f"lib/stats/{dotted.group(1)}.def" in files and not FILE.fullmatch(span):
        rows = files[f"lib/stats/{dotted.group(1)}.def"]
        if f'"{dotted.group(2)}"' not in rows and f'"{span}"' not in files.get(TUNABLES, ""):
            yield f"{span} is neither a counter nor a tunable"
    for owner, member in MEMBER.findall(span):
        both = re.compile(rf"\b{owner}\b.*\b{member}\b|\b{member}\b.*\b{owner}\b", re.DOTALL)
        if not any(both.search(t) for p, t in files.items() if p.startswith(("lib/", "drivers/", "apps/")) and p.endswith(tree.CPP)):
            yield f"no C++ file has {owner} and {member}"


def check_tcp_row(line, files):
    """| clause | what | `function`, `function` (file) | test, test |"""
    cells = line.strip("|").split("|")
    if len(cells) != 4 or cells[0].strip() in ("clause", "---"):
        return
    sources = "".join(text for path, text in files.items() if path.startswith(TCP_SOURCES))
    for function in re.findall(r"`(\w+)`", cells[2]):
        if not re.search(rf"\b{function}\b", sources):
            yield f"{TCP_SOURCES} has no {function}"
    for file in re.findall(r"\((\w+)(?:\.hpp)?\)", cells[2]):
        if not any(f"{TCP_SOURCES}{file}.{end}" in files for end in ("cpp", "hpp")):
            yield f"{TCP_SOURCES} has no file {file}"
    for test in re.findall(r"\w+", cells[3]):
        if f"{TCP_TESTS}{test}_test.cpp" not in files:
            yield f"{TCP_TESTS} has no {test}_test.cpp"


def check(files):
    for page in PAGES:
        for number, line in tree.lines(files.get(page, "")):
            tests = []
            for span in SPAN.findall(line):
                for spelling, paths in named_files(span, files):
                    tests += [p for p in paths if p.startswith("tests/") and p.endswith(".cpp")]
                    if not paths:
                        yield page, number, f"there is no {spelling}"
                for message in check_names(span, files):
                    yield page, number, message
            for message in check_tests(line, tests, files):
                yield page, number, message
            for message in check_tcp_row(line, files) if page == TCP else ():
                yield page, number, message


PAGE = PAGES[0]
BASE = {
    "lib/a/b.cpp": "void Way::out() {}",
    "lib/stats/tcp.def": 'MR_X(x, "x", "an x")',
    TUNABLES: 'MR_SYSCTL(y, "tcp.y", 1, 0, 1, "a y")',
    "tests/unit/a/b_test.cpp": 'TEST_CASE("C4: one \\"pass\\"") {}\nTEST_CASE(\n    "long "\n    "name") {}',
    "tests/unit/a/meson.build": "files('b_test.cpp')",
    "lib/stack/tcp/d.cpp": "void e() {}",
    "tests/unit/stack/tcp/d_test.cpp": "",
}
PLANTED = [
    BASE | {PAGE: "`lib/a/c.cpp`"},
    BASE | {PAGE: "see `c.cpp`"},
    BASE | {PAGE: "`lib/nothing/` is a folder"},
    BASE | {PAGE: '| `b_test.cpp` "C5: two passes" |'},
    BASE | {PAGE: '| `b_test.cpp` "long names" |'},
    BASE | {PAGE: "`b_test.cpp`", "tests/unit/a/meson.build": ""},
    BASE | {PAGE: "`tcp.z`"},
    BASE | {PAGE: "`Way::in()`"},
    BASE | {TCP: "| RFC 1 | x | `f` (d) | d |"},
    BASE | {TCP: "| RFC 1 | x | `e` (f) | d |"},
    BASE | {TCP: "| RFC 1 | x | `e` (d) | f |"},
]
CLEAN = [
    BASE | {PAGE: '| `Way::out()` of `lib/a/b.cpp`, `a/b.cpp` | `b_test.cpp` "C4: one", "long name" | `tcp.x`, `tcp.y` |'},
    BASE | {PAGE: '`lib/a/`, `lib/stats/*.def`, `<millrace/a/b.cpp>`; "this is no test"; `tcp_ack()`, `net.core.somaxconn`'},
    BASE | {TCP: "| clause | what | function (file) | test |\n|---|---|---|---|\n| RFC 1 | x | `e` (d) | d |\n`a/<source>_test.cpp`"},
    {"doc/other.md": "`lib/a/c.cpp`"},
]

if __name__ == "__main__":
    tree.run(check, PLANTED, CLEAN)
