#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the tables of doc/drivers.md: what holds on which device and medium, and the faults; each test case as it just came out.

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


def run(program, arguments, **environment):
    return subprocess.run([program, *arguments], capture_output=True, text=True, errors="replace", timeout=300, env={**os.environ, **environment})


def test_cases(program, kind, *tags):
    listing = run(program, ["--list-test-names-only", *tags]).stdout
    return [line.strip() for line in listing.splitlines() if line.strip().startswith(f"{kind}:")]


def subjects(program):
    """Their names; one of no name, where each case chooses its own."""
    return re.findall(r"^subject: (.*)$", run(program, ["subjects"]).stdout, re.M) or [""]


def cell(program, case, subject, is_open):
    """pass, FAIL, how it ended, or why it is not possible; "open": it fails, and that is known."""
    done = run(program, [case.replace(",", "\\,")], MILLRACE_SUBJECT=subject)
    if done.returncode:
        return "FAIL"
    why = re.search(rf"^not possible: {re.escape(subject)}: (.*)$", done.stdout, re.M)
    if why:
        return f"not possible: {why[1]}"
    if is_open:
        return "open"
    outcomes = re.findall(rf"^outcome: {re.escape(subject)}: (.*)$", done.stdout, re.M)
    return outcomes[-1] if outcomes else "pass"


def table(programs, kind):
    columns = [(program, subject) for program in programs for subject in subjects(program)]
    names = [re.sub("^(devmodel_(faults_)?|media_)", "", program.name) + (subject and ", " + subject) for program, subject in columns]
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(columns) + 1) + "|"]
    failed = 0
    known = test_cases(programs[0], kind, "[!shouldfail]")
    for case in test_cases(programs[0], kind):
        cells = [cell(program, case, subject, case in known) for program, subject in columns]
        failed += cells.count("FAIL")
        lines.append(f"| {case.removeprefix(kind + ': ')} | " + " | ".join(cells) + " |")
    return lines, failed


def replace(page, mark, lines):
    before, rest = page.split(f"<!-- {mark} -->")
    return before + f"<!-- {mark} -->\n" + "\n".join(lines) + f"\n<!-- end of {mark} -->" + rest.split(f"<!-- end of {mark} -->")[1]


def built(build, pattern):
    found = sorted(path for path in build.glob(pattern) if not path.name.endswith("_test") and path.is_file() and os.access(path, os.X_OK))
    return found or sys.exit(f"no {pattern} in {build}: build them first (ninja -C {build})")


def main():
    build = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/test"
    devices = built(build, "tests/devmodel/devmodel_*")
    page, failed = PAGE.read_text(), 0
    for mark, programs in {"matrix": [p for p in devices if not p.name.startswith(FAULTS)], "media": built(build, "tests/media/media_*")}.items():
        lines, more = table(programs, "conformance")
        page = replace(page, mark, lines)
        failed += more
    lines, more = table([p for p in devices if not p.name.startswith(FAULTS)], "device")
    page = replace(page, "devices", lines)
    failed += more
    # Each device has faults of its own, and a table of them.
    faults = []
    for program in (path for path in devices if path.name.startswith(FAULTS)):
        lines, more = table([program], "fault")
        faults += [*lines, ""]
        failed += more
    PAGE.write_text(replace(page, "faults", faults[:-1]))
    print(f"{PAGE.relative_to(ROOT)}: {failed} cells failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
