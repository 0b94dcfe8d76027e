#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What takes longer than the quick lints: both compilers' warnings and clang-tidy.

    lint.py [--changed]     judge the whole tree, or only the files that differ from HEAD
    lint.py --format        lay the changed files out, and write doc/counters.md anew

Called by ./dev lint and ./dev format, which have configured build/clang.
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START = time.monotonic()
CPP = (".cpp", ".hpp")
OURS = ("lib/", "drivers/", "apps/", "examples/", "tests/")


def say(text):
    print(f"[{time.monotonic() - START:4.0f}s] {text}", flush=True)


def git(*arguments):
    command = ["git", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def changed_files():
    """What differs from HEAD or is new, and still there."""
    names = git("diff", "--name-only", "HEAD") + git("ls-files", "--others", "--exclude-standard")
    return {name for name in names if (ROOT / name).is_file()}


def quick_lints():
    say("quick lints")
    lints = sorted(p for p in (ROOT / "tests/lint").glob("*.py") if p.name != "tree.py")
    return [f"lint-{lint.stem}" for lint in lints if subprocess.run([sys.executable, lint]).returncode]


def clang_build():
    say("clang++, warnings are errors")
    return ["clang++"] if subprocess.run(["ninja", "-C", ROOT / "build/clang", "--quiet", "-k0"]).returncode else []


def translation_units():
    database = json.loads((ROOT / "build/clang/compile_commands.json").read_text())
    files = {os.path.relpath(os.path.join(entry["directory"], entry["file"]), ROOT) for entry in database}
    return sorted(file for file in files if file.startswith(OURS))


def tidy(file):
    command = ["clang-tidy", "-p", "build/clang", "--quiet", file]
    return file, subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def clang_tidy(only):
    units = [file for file in translation_units() if only is None or file in only]
    say(f"clang-tidy on {len(units)} files")
    failed = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (file, result) in enumerate(pool.map(tidy, units), 1):
            if result.returncode:
                failed.append(f"clang-tidy {file}")
                print(result.stdout, flush=True)
            elif done % 20 == 0:
                say(f"{done} of {len(units)}")
    return failed


def format_changed():
    files = sorted(name for name in changed_files() if name.endswith(CPP))
    if files:
        subprocess.run(["clang-format", "-i", *files], cwd=ROOT, check=True)
    say(f"laid out {len(files)} changed files")
    subprocess.run([sys.executable, ROOT / "tests/lint/defs.py", "--write"], check=True)
    say("wrote doc/counters.md")


def main():
    if sys.argv[1:] == ["--format"]:
        return format_changed()
    if sys.argv[1:] not in ([], ["--changed"]):
        sys.exit("usage: ./dev lint [--changed]")
    failed = quick_lints() + clang_build() + clang_tidy(changed_files() if sys.argv[1:] else None)
    for name in failed:
        say(f"FAILED {name}")
    say(f"{len(failed)} failed" if failed else "clean")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
