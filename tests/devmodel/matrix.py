#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the conformance matrix into doc/drivers.md: each test case of the suite, on each device, as it just came out.

    matrix.py [BUILD]     BUILD: where tests/devmodel/devmodel_* are, build/test if it is not said

Called by hand. Between the two marks of the page nothing is written by hand.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "doc/drivers.md"
BEGIN, END = "<!-- matrix -->", "<!-- end of matrix -->"


def run(program, arguments, **environment):
    return subprocess.run([program, *arguments], capture_output=True, text=True, errors="replace", timeout=300, env={**os.environ, **environment})


def test_cases(program):
    listing = run(program, ["--list-test-names-only"]).stdout
    return [line.strip() for line in listing.splitlines() if line.strip().startswith("conformance:")]


def subjects(program):
    return re.findall(r"^subject: (.*)$", run(program, ["subjects"]).stdout, re.M)


def cell(program, case, subject):
    """pass, FAIL, or why it is not possible."""
    done = run(program, [case.replace(",", "\\,")], MILLRACE_SUBJECT=subject)
    if done.returncode:
        return "FAIL"
    why = re.search(rf"^not possible: {re.escape(subject)}: (.*)$", done.stdout, re.M)
    return f"not possible: {why[1]}" if why else "pass"


def table(programs):
    columns = [(program, subject) for program in programs for subject in subjects(program)]
    lines = ["| | " + " | ".join(f"{program.name.removeprefix('devmodel_')}, {subject}" for program, subject in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    failed = 0
    for case in test_cases(programs[0]):
        cells = [cell(program, case, subject) for program, subject in columns]
        failed += cells.count("FAIL")
        lines.append(f"| {case.removeprefix('conformance: ')} | " + " | ".join(cells) + " |")
    return lines, failed


def main():
    build = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/test"
    programs = sorted(path for path in (build / "tests/devmodel").glob("devmodel_*") if not path.name.endswith("_test") and path.is_file() and os.access(path, os.X_OK))
    if not programs:
        sys.exit(f"no devmodel_* in {build}/tests/devmodel: build them first (ninja -C {build})")
    lines, failed = table(programs)
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.split(END)[1])
    print(f"{PAGE.relative_to(ROOT)}: {failed} cells failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
