#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the tests of build/test (ASan and UBSan) and the threads' tests of build/tsan, and sums them up; a soak also
runs those of build/plain, which take days under sanitizers.

    run.py quick|plain|soak [NAME...]     everything, or the tests whose name contains one of NAME; plain: the quick tests, in
                                          build/plain alone

Called by ./dev test and ./dev soak; calls ninja and meson test. A test is what meson calls one: a program or a lint.
Those of build/tsan bear the prefix "tsan:", those of build/plain "plain:". Exit code 77 is a skip, which tests/skips.txt has to list, or it fails.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START = time.monotonic()
COMMANDS = {"quick": "test", "plain": "test --plain", "soak": "soak"}
PASSED = {"OK", "EXPECTEDFAIL"}
LINES_OF_A_FAILURE = 40  # shown once more at the end: where it stands, a driver's log may hide it


def say(text):
    print(f"[{time.monotonic() - START:4.0f}s] {text}", flush=True)


def expected_skips():
    lines = (ROOT / "tests/skips.txt").read_text().splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#"))


def suites(test):
    return {suite.split(":")[-1] for suite in test["suite"]}


class Build:
    """One build directory and the tests that were chosen from it: of one suite only, if one is named."""

    def __init__(self, folder, suite, mode, wanted):
        self.folder = ROOT / "build" / folder
        self.suite = suite
        self.prefix = f"{folder}:" if suite else ""
        self.mode = mode
        self.wanted = wanted

    def choose(self):
        # The list of tests is only as new as the last run of meson, which ninja starts when a meson file has changed.
        renewed = subprocess.run(["ninja", "-C", self.folder, "build.ninja"], capture_output=True, text=True)
        if renewed.returncode:
            sys.stdout.write(renewed.stdout)
            renewed.check_returncode()
        listing = subprocess.run(["meson", "introspect", "--tests", self.folder], check=True, capture_output=True)
        self.tests = [t for t in json.loads(listing.stdout) if self.is_chosen(t)]
        return self.tests

    def is_chosen(self, test):
        if ("soak" in suites(test)) != (self.mode == "soak"):
            return False
        if self.suite and self.suite not in suites(test):
            return False
        return not self.wanted or any(name in self.prefix + test["name"] for name in self.wanted)

    def compile(self):
        """Everything when ./dev test is to test everything, so that no file goes unseen; else what the tests need."""
        everything = self.mode == "quick" and not self.wanted and not self.prefix
        targets = [] if everything else self.needed_targets()
        if not everything and not targets:
            return
        say(f"building {self.folder.relative_to(ROOT)}")
        quiet = [] if sys.stdout.isatty() else ["--quiet"]
        subprocess.run(["ninja", "-C", self.folder, *quiet, *targets], check=True)

    def needed_targets(self):
        listing = subprocess.run(["meson", "introspect", "--targets", self.folder], check=True, capture_output=True)
        files = {t["id"]: t["filename"] for t in json.loads(listing.stdout)}
        needed = {file for test in self.tests for id in test["depends"] for file in files.get(id, [])}
        return sorted(str(Path(file).relative_to(self.folder)) for file in needed)

    def run(self):
        say(f"running {len(self.tests)} tests of {self.folder.relative_to(ROOT)}")
        logs = self.folder / "meson-logs"
        for old in logs.glob("run*.json"):
            old.unlink()
        command = ["meson", "test", "-C", str(self.folder), "--no-rebuild", "--logbase", "run", "--print-errorlogs"]
        command += ["--setup", self.mode, *fixed_addresses(), *sorted({t["name"] for t in self.tests})]
        show(command)
        results = [json.loads(line) for log in logs.glob("run*.json") for line in log.read_text().splitlines()]
        results = [r for r in results if r["name"].split(" / ")[-1] in {t["name"] for t in self.tests}]
        for lost in range(len(self.tests) - len(results)):
            results.append({"name": f"(a test without a result, {lost + 1})", "result": "ERROR", "stdout": ""})
        return [(self.prefix + r["name"].split(" / ")[-1], r) for r in results]


def fixed_addresses():
    """The sanitizers of g++ 12 do not start where the kernel scatters mappings over 32 bits."""
    allowed = subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL).returncode == 0
    return ["--wrapper", "setarch -R"] if allowed else []


def show(command):
    """Runs meson test and passes on what it says, up to its own sum, in whose place ours stands."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as meson:
        showing = True
        for line in meson.stdout:
            showing = showing and not line.startswith(("Summary of Failures:", "Ok: "))
            if showing and line.strip() and not line.startswith("ninja:"):
                print(line, end="", flush=True)


def sum_up(results):
    """Prints what was skipped and what failed; returns the numbers of passed, failed and skipped tests."""
    expected = expected_skips()
    passed, failed, skipped = 0, [], 0
    for name, result in results:
        if result["result"] in PASSED:
            passed += 1
        elif result["result"] != "SKIP":
            failed.append(f"{name}: {result['result'].lower()}")
            print(*(result.get("stdout") or "").strip().splitlines()[-LINES_OF_A_FAILURE:], f"which was {name}", sep="\n")
        else:
            said = (result.get("stdout") or result.get("stderr") or "it gives no reason").strip().splitlines()[-1]
            if name in expected:
                skipped += 1
                say(f"skipped {name}: {said}")
            else:
                failed.append(f"{name}: skipped ({said}), but tests/skips.txt does not expect it")
    for line in failed:
        say(f"FAILED {line}")
    return passed, len(failed), skipped


def run_all(mode, wanted):
    if mode == "plain":
        builds = [Build("plain", "", "quick", wanted)]
    else:
        builds = [Build("test", "", mode, wanted), Build("tsan", "threads", mode, wanted)]
    if mode == "soak":
        builds.append(Build("plain", "plain", mode, wanted))
    results = []
    chosen = [build for build in builds if build.choose()]
    if not chosen and mode == "soak" and not wanted:
        print("there is no soak test in this tree yet")
    elif not chosen:
        sys.exit(f"no test has a name with {' or '.join(wanted)} in it; `meson test -C build/test --list` names them")
    for build in chosen:
        build.compile()
    for build in chosen:
        results += build.run()
    return sum_up(results)


def main():
    mode, wanted = sys.argv[1], sys.argv[2:]
    # A run of the same tree gives the same answer; a soak is there to find new ones.
    seed = os.environ.setdefault("MILLRACE_SEED", str(random.randrange(1, 2**32)) if mode == "soak" else "1")
    say(f"MILLRACE_SEED={seed}")
    try:
        passed, failed, skipped = run_all(mode, wanted)
    except subprocess.CalledProcessError as error:
        say(f"FAILED {' '.join(map(str, error.cmd))}")
        passed, failed, skipped = 0, 1, 0
    if failed:
        say(f"again with: MILLRACE_SEED={seed} ./dev {COMMANDS[mode]} {' '.join(wanted)}".rstrip())
    say("done")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
