#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Applies each mutant of tests/mutants/*.txt alone, and expects the tests of its rows to fail.

    run.py [NAME...]     all mutants, or those whose row or list is NAME (D6, gro)

Works in build/mutants: a copy of the tree, built without sanitizers and unoptimised. Of a Catch2 program it runs the test
cases that name one of the rows, or those that the entry names; of any other program everything. The tests pass without
the mutant, which is tried first. A failed check, a crash and a time-out are what a mutant should meet; one that does not compile is a mistake.
`./dev soak mutants` runs it; meson test lists it in suite soak.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import entries

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "build/mutants"
TREE, BUILD = HOME / "tree", HOME / "build"
SETUP = ["-Doptimization=0", "-Ddebug=false", "-Dwerror=false", "-Dapps=false"]
START = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - START:4.0f}s] {text}", flush=True)


def tracked_files():
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    return sorted({name for name in names if name and ((ROOT / name).is_file() or (ROOT / name).is_symlink())})


def copy_tree():
    """Makes TREE equal to the tree; files that are equal already keep their time, so that ninja leaves them alone."""
    names = tracked_files()
    for name in names:
        source, target = ROOT / name, TREE / name
        if source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.symlink_to(os.readlink(source))
            continue
        data = source.read_bytes()
        if not target.is_file() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        target.chmod(source.stat().st_mode & 0o777)
    for stale in sorted(set(str(p.relative_to(TREE)) for p in TREE.rglob("*") if p.is_file() or p.is_symlink()) - set(names)):
        (TREE / stale).unlink()


def output_of(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout


def configure():
    if not (BUILD / "build.ninja").is_file():
        code, text = output_of(["meson", "setup", str(BUILD), str(TREE), *SETUP])
        if code:
            sys.exit(text)
    code, text = output_of(["ninja", "-C", str(BUILD), "build.ninja"])
    if code:
        sys.exit(text)


def introspect(what):
    return json.loads(subprocess.run(["meson", "introspect", what, str(BUILD)], check=True, capture_output=True).stdout)


def as_pattern(name):
    """What Catch2 takes for the name, and for nothing else."""
    return re.sub(r'([\\",\[\]*~])', r"\\\1", name)


class Tests:
    """The tests that meson knows: how they are built and run, and the test cases in them."""

    def __init__(self):
        self.tests = {t["name"]: t for t in introspect("--tests")}
        self.targets = {t["id"]: t for t in introspect("--targets")}

    def files(self, name):
        """What ninja has to build."""
        built = [file for id in self.tests[name]["depends"] for file in self.targets[id]["filename"]]
        return [str(Path(file).relative_to(BUILD)) for file in built]

    def cases(self, name):
        sources = [s for id in self.tests[name]["depends"] for part in self.targets[id]["target_sources"] for s in part.get("sources", [])]
        return [case for source in sources if source.endswith(".cpp") for case in entries.test_names(Path(source).read_text())]

    def command(self, mutant):
        """The command that runs the tests of the mutant's rows, or a BadEntry."""
        command = self.tests[mutant.test]["cmd"]
        if mutant.cases:
            return [command[0], "-w", "NoTests", as_pattern(mutant.cases) + "*"]
        cases = self.cases(mutant.test)
        if not cases:
            return command
        chosen = [c for c in cases if any(entries.names_row(c, row) for row in mutant.rows)]
        if not chosen:
            raise entries.BadEntry(mutant.line, f"no test of {mutant.test} has {' or '.join(mutant.rows)} in its name")
        return [command[0], ",".join(as_pattern(case) for case in chosen)]


def limits():
    """A mutant may loop and allocate: it is not to take the machine with it."""
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command, environment, timeout):
    """(whether it passed, what it ended with, seconds, output)."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                               env=os.environ | environment | {"MILLRACE_SEED": "1"}, preexec_fn=limits, cwd=BUILD)
    try:
        output, _ = process.communicate(timeout=timeout)
        how = f"exit code {process.returncode}" if process.returncode >= 0 else f"signal {-process.returncode}"
        return process.returncode == 0, how, time.monotonic() - begin, output.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return False, "time-out", time.monotonic() - begin, ""


class Runner:
    def __init__(self, mutants, tests):
        self.mutants, self.tests = mutants, tests
        self.seconds = {}  # of each unmutated command

    def build(self, names):
        return output_of(["ninja", "-C", str(BUILD), "--quiet", *sorted({f for name in names for f in self.tests.files(name)})])

    def baseline(self):
        """Every command passes while nothing is changed. Returns what is wrong."""
        wrong = {}
        for mutant in self.mutants:
            try:
                entries.place(mutant, (TREE / mutant.file).read_text() if (TREE / mutant.file).is_file() else "")
                if mutant.test not in self.tests.tests:
                    raise entries.BadEntry(mutant.line, f"meson has no test {mutant.test}")
                self.tests.command(mutant)
            except entries.BadEntry as error:
                wrong[id(mutant)] = error.args[1]
        fine = [m for m in self.mutants if id(m) not in wrong]
        code, text = self.build({m.test for m in fine})
        if code:
            sys.exit(f"the tree without mutants does not build\n{text}")
        say("built without mutants")
        for mutant in fine:
            command = tuple(self.tests.command(mutant))
            if command not in self.seconds:
                passed, how, self.seconds[command], text = run(command, self.tests.tests[mutant.test]["env"], 600)
                if not passed:
                    sys.exit(f"{' '.join(command)}: {how} without any mutant\n{text[-4000:]}")
        return wrong

    def judge(self, mutant):
        """What became of a mutant: (good, text)."""
        path = TREE / mutant.file
        text = path.read_text()
        path.write_text(entries.mutate(mutant, text))
        try:
            code, output = self.build({mutant.test})
            if code:
                return False, f"ERROR does not compile\n{output[-3000:]}"
            command = self.tests.command(mutant)
            allowed = 20 + 5 * self.seconds[tuple(command)]
            passed, how, _, _ = run(command, self.tests.tests[mutant.test]["env"], allowed)
            return (False, "SURVIVED") if passed else (True, f"noticed, {how}")
        finally:
            path.write_text(text)

    def run(self):
        wrong = self.baseline()
        bad = 0
        for mutant in self.mutants:
            good, text = (False, f"ERROR {wrong[id(mutant)]}") if id(mutant) in wrong else self.judge(mutant)
            bad += not good
            say(f"{mutant}: {text}")
        return bad


def chosen_mutants(wanted):
    """The mutants to try, and the number of entries that cannot be read."""
    mutants, bad = [], 0
    for path in sorted((ROOT / "tests/mutants").glob("*.txt")):
        for entry in entries.read(path.stem, path.read_text()):
            if isinstance(entry, entries.BadEntry):
                bad += 1
                say(f"{path.name}:{entry.args[0]}: ERROR {entry.args[1]}")
            elif not wanted or entry.area in wanted or any(row in wanted for row in entry.rows):
                mutants.append(entry)
    return mutants, bad


def main():
    os.nice(5)
    os.environ.setdefault("CCACHE_NOHASHDIR", "1")
    mutants, bad = chosen_mutants(sys.argv[1:])
    if not mutants:
        sys.exit("no mutant has such a row or list" if sys.argv[1:] else "tests/mutants lists no mutants")
    copy_tree()
    configure()
    bad += Runner(mutants, Tests()).run()
    say(f"{len(mutants)} mutants, {bad} of them not as they should be")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
