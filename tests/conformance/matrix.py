#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes tables into doc/drivers.md, as the test cases just came out: the conformance matrix, on device models and on media, and the faults.

    matrix.py [BUILD]     BUILD: where tests/devmodel/devmodel_* and tests/media/media_* are, build/test if it is not said

Called by hand. Between the marks of the page nothing is written by hand.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "doc/drivers.md"
FAULTS = "devmodel_faults_"
# As meson's tests have it (tests/run).
SANITIZERS = {"LSAN_OPTIONS": f"print_suppressions=0:suppressions={ROOT}/tests/run/lsan.supp"}


def run(program, arguments, **environment):
    return subprocess.run([program, *arguments], capture_output=True, text=True, errors="replace", timeout=300, env={**os.environ, **SANITIZERS, **environment})


def test_cases(program, kinds, *tags):
    listing = run(program, ["--list-test-names-only", *tags]).stdout
    return [line.strip() for line in listing.splitlines() if line.strip().startswith(kinds)]


def subjects(program):
    """Their names; one of no name, where each case chooses its own."""
    return re.findall(r"^subject: (.*)$", run(program, ["subjects"]).stdout, re.M) or [""]


def cell(done, subject, is_open):
    """pass, FAIL, how it ended, or why it is not possible; "open": it fails, and that is known."""
    if done.returncode:
        return "FAIL"
    why = re.search(rf"^not possible: {re.escape(subject)}: (.*)$", done.stdout, re.M)
    if why:
        return f"not possible: {why[1]}"
    if is_open:
        return "open"
    outcomes = re.findall(rf"^outcome: {re.escape(subject)}: (.*)$", done.stdout, re.M)
    return outcomes[-1] if outcomes else "pass"


def cells(program, case, names, is_open):
    """One for each subject: all in one run, and each in one of its own when that fails."""
    pattern = case.replace(",", "\\,")
    together = run(program, [pattern])
    if together.returncode == 0:
        return [cell(together, subject, is_open) for subject in names]
    return [cell(run(program, [pattern], MILLRACE_SUBJECT=subject), subject, is_open) for subject in names]


def table(programs, kinds):
    columns = [(program, subjects(program)) for program in programs]
    headings = [re.sub("^(devmodel_(faults_)?|media_)", "", program.name) + (subject and ", " + subject) for program, names in columns for subject in names]
    lines = ["| | " + " | ".join(headings) + " |", "|---" * (len(headings) + 1) + "|"]
    failed = 0
    known = test_cases(programs[0], kinds, "[!shouldfail]")
    for case in test_cases(programs[0], kinds):
        row = [one for program, names in columns for one in cells(program, case, names, case in known)]
        failed += row.count("FAIL")
        lines.append(f"| {case.partition(': ')[2]} | " + " | ".join(row) + " |")
    return lines, failed


def replace(page, mark, lines):
    before, rest = page.split(f"<!-- {mark} -->")
    return before + f"<!-- {mark} -->\n" + "\n".join(lines) + f"\n<!-- end of {mark} -->" + rest.split(f"<!-- end of {mark} -->")[1]


def built(build, pattern):
    found = sorted(path for path in (build / "tests").glob(pattern) if not path.name.endswith("_test") and path.is_file() and os.access(path, os.X_OK))
    if not found:
        sys.exit(f"no {pattern} in {build}/tests: build them first (ninja -C {build})")
    return found


def main():
    build = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/test"
    models = built(build, "devmodel/devmodel_*")
    page = PAGE.read_text()
    failed = 0
    # One table would be too wide: a table for the models, and one for each medium; each device has faults of its own, and a table of them.
    for mark, kinds, tables in (
        ("matrix", ("conformance: ", "device: "), [[path for path in models if not path.name.startswith(FAULTS)]]),
        ("media", ("conformance: ",), [[path] for path in built(build, "media/media_*")]),
        ("faults", ("fault: ",), [[path] for path in models if path.name.startswith(FAULTS)]),
    ):
        if not tables:
            continue
        block = []
        for programs in tables:
            lines, more = table(programs, kinds)
            block += [*lines, ""]
            failed += more
        page = replace(page, mark, block[:-1])
    PAGE.write_text(page)
    print(f"{PAGE.relative_to(ROOT)}: {failed} cells failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
