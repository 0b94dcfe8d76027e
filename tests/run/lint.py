#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What takes longer than the quick lints: both compilers' warnings and clang-tidy.

    lint.py [--changed]     judge the whole tree, or only the files that differ from HEAD
    lint.py --format        lay the changed files out, and write doc/counters.md anew

Called by ./dev lint and ./dev format, which have configured build/clang.
"""

import concurrent.futures
import functools
import hashlib
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
    """Of each file of ours that clang++ took: the command that compiles it, and what it includes, as the build has found out."""
    folder = ROOT / "build/clang"
    listing = subprocess.run(["ninja", "-C", folder, "-t", "deps"], check=True, capture_output=True, text=True).stdout
    includes, output = {}, None
    for line in listing.splitlines():
        if line.startswith(" "):
            includes[output].append(line.strip())
        elif line:
            output = line.split(":")[0]
            includes[output] = []
    units = {}
    for entry in json.loads((folder / "compile_commands.json").read_text()):
        file = os.path.relpath(os.path.join(entry["directory"], entry["file"]), ROOT)
        if file.startswith(OURS) and entry["output"] in includes:
            units[file] = (entry["command"], includes[entry["output"]])
    return units


@functools.cache
def digest(path):
    return hashlib.sha256((ROOT / "build/clang" / path).read_bytes()).digest()


def stamp_of(command, includes):
    """Where it is noted that a unit was clean: named after everything that the verdict depends on."""
    key = hashlib.sha256(command.encode() + digest(ROOT / ".clang-tidy"))
    for path in sorted(includes):
        key.update(digest(path))
    return ROOT / "build/clang/tidy" / key.hexdigest()


def tidy(file, stamp):
    command = ["clang-tidy", "-p", "build/clang", "--quiet", file]
    huge_pages = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # a tenth faster
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | huge_pages)
    if result.returncode == 0:
        stamp.touch()
    return file, result


def clang_tidy(only):
    """Judges what has changed since it was last clean: all of it takes an hour."""
    stamps = {file: stamp_of(*unit) for file, unit in sorted(translation_units().items()) if only is None or file in only}
    stale = [(file, stamp) for file, stamp in stamps.items() if not stamp.exists()]
    (ROOT / "build/clang/tidy").mkdir(exist_ok=True)
    say(f"clang-tidy: {len(stamps) - len(stale)} files are as they were when they were clean, {len(stale)} to judge")
    failed = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (file, result) in enumerate(pool.map(tidy, *zip(*stale)) if stale else (), 1):
            if result.returncode:
                failed.append(f"clang-tidy {file}")
                print(result.stdout, flush=True)
            elif done % 20 == 0:
                say(f"{done} of {len(stale)}")
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
