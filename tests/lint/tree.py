# SPDX-License-Identifier: BSD-3-Clause
"""What every lint of this folder shares: the files of the tree, C++ without its comments, and the way to run.

A lint is check(files) -> findings, where files maps a path to its text and a finding is (path, line, message). It
first has to prove itself on PLANTED, trees with one violation each, and on CLEAN, trees with none.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CPP = (".cpp", ".hpp", ".h", ".c")

# Comments, raw strings, strings and characters; a quote between digits separates them (1'000'000).
NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.DOTALL
)


def files():
    """The text of every file that git tracks or would add, by its path."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    tree = {}
    for name in sorted(set(filter(None, names))):
        path = ROOT / name
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if b"\0" not in data[:8192]:
                tree[name] = data.decode(errors="replace")
    return tree


def code_only(text, keep_strings=False):
    """C++ with comments (and strings) blanked out; lines keep their numbers."""

    def blank(match):
        found = match.group()
        if keep_strings and not found.startswith("/"):
            return found
        return re.sub(r"[^\n]", " ", found) if found.startswith("/") else '""' + "\n" * found.count("\n")

    return NOT_CODE.sub(blank, text)


def lines(text):
    """(number, line) of each line."""
    return enumerate(text.split("\n"), 1)


def run(check, planted, clean=()):
    """The main() of a lint: its self-test, then the tree. Exits with 1 if anything is found."""
    for tree in planted:
        if not list(check(tree)):
            sys.exit(f"self-test: the violation planted in {tree} was not found")
    for tree in clean:
        for finding in check(tree):
            sys.exit(f"self-test: {finding} is no violation")
    findings = sorted(check(files()))
    for path, line, message in findings:
        print(f"{path}:{line}: {message}")
    sys.exit(1 if findings else 0)
