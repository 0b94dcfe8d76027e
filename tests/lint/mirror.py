#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""tests/unit mirrors lib/: lib/a/b.cpp has tests/unit/a/b_test.cpp, and such a test has its source.

drivers/a/b.cpp has tests/unit/drivers/a/b_test.cpp, or without the a. mirror.txt lists what stands alone on either
side, each with the reason.
"""

import tree

LIST = "tests/lint/mirror.txt"


def tests_of(source):
    stem = source.removeprefix("lib/").removesuffix(".cpp")
    folder, _, name = stem.rpartition("/")
    places = [stem] + ([f"drivers/{name}"] if folder.startswith("drivers/") else [])
    return [f"tests/unit/{place}_test.cpp" for place in places]


def has_source(test, files):
    stem = test.removeprefix("tests/unit/").removesuffix("_test.cpp")
    if stem.startswith("drivers/"):
        name = stem.split("/")[-1]
        return any(p.startswith("drivers/") and p.endswith((f"/{name}.cpp", f"/{name}.hpp")) for p in files)
    return f"lib/{stem}.cpp" in files or f"lib/{stem}.hpp" in files


def alone(files):
    """The sources without a test, and the unit tests without a source."""
    for path in files:
        if path.startswith(("lib/", "drivers/")) and path.endswith(".cpp"):
            if not any(test in files for test in tests_of(path)):
                yield path, f"has no {tests_of(path)[0]}"
        if path.startswith("tests/unit/") and path.endswith("_test.cpp") and not has_source(path, files):
            yield path, "has no source of its name"


def check(files):
    unlisted = dict(alone(files))
    for number, line in tree.lines(files.get(LIST, "")):
        if not line.strip() or line.startswith("#"):
            continue
        path, _, reason = line.partition(" ")
        if not reason.strip():
            yield LIST, number, f"{path} without a reason"
        if not unlisted.pop(path, None):
            yield LIST, number, f"{path} needs no exception"
    for path, message in unlisted.items():
        yield path, 1, message


PLANTED = [
    {"lib/a/b.cpp": ""},
    {"drivers/a/b.cpp": ""},
    {"tests/unit/a/b_test.cpp": ""},
    {"lib/a/b.cpp": "", LIST: "lib/a/b.cpp"},
    {LIST: "lib/a/b.cpp static_asserts only"},
]
CLEAN = [
    {"lib/a/b.cpp": "", "tests/unit/a/b_test.cpp": ""},
    {"lib/a/b.hpp": "", "tests/unit/a/b_test.cpp": ""},
    {"drivers/a/b.cpp": "", "tests/unit/drivers/a/b_test.cpp": ""},
    {"drivers/a/b.cpp": "", "tests/unit/drivers/b_test.cpp": ""},
    {"tests/unit/a/property_test.cpp": "", LIST: "tests/unit/a/property_test.cpp of the whole folder"},
    {"lib/a/b.cpp": "", LIST: "# why\nlib/a/b.cpp static_asserts only"},
]

if __name__ == "__main__":
    tree.run(check, PLANTED, CLEAN)
