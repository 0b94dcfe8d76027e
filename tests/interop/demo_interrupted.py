#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Interrupts the demo at random moments, as Ctrl-C does, and looks for what it leaves behind: processes, network devices,
named namespaces, files.     demo_interrupted.py BUILD COUNT"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 12.0  # seconds; a whole run of this size takes about as long
MARK = "MILLRACE_DEMO_MARK"


def marked_processes(mark):
    """Processes of this run of the demo: they carry its mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                found.append((folder.name, (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()))
        except OSError:
            continue
    return found


def things(temporary):
    """What the demo could leave behind, apart from processes."""
    devices = {f"device {name}" for name in os.listdir("/sys/class/net")}
    namespaces = {f"namespace {path}" for path in Path("/run/netns").glob("*")}
    files = {f"file {path}" for folder in (temporary, "/mnt", ROOT / "out") for path in Path(folder).glob("*")
             if path.name != "demo.pcapng"}
    mounts = {f"mount {line.split()[1]}" for line in Path("/proc/mounts").read_text().splitlines()}
    return devices | namespaces | files | mounts


def interrupt_once(build, moment, mark, temporary):
    demo = subprocess.Popen([str(ROOT / "apps/demo/run"), "--build", build, "--size", str(64 << 20), "--seconds", "1"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, MARK: mark, "TMPDIR": temporary}, start_new_session=True)
    try:
        demo.wait(moment)
    except subprocess.TimeoutExpired:
        os.killpg(demo.pid, signal.SIGINT)
    output, _ = demo.communicate(timeout=30)
    if demo.returncode not in (0, 128 + signal.SIGINT, -signal.SIGINT):
        sys.exit(f"interrupted after {moment:.2f} s, the demo ended with {demo.returncode}:\n{output.decode()}")
    return demo.returncode


def main():
    with tempfile.TemporaryDirectory() as temporary:
        interrupt_often(sys.argv[1], int(sys.argv[2]), temporary)


def interrupt_often(build, count, temporary):
    tried = subprocess.run(["unshare", "--net", "ip", "tuntap", "add", "mr-try", "mode", "tap"], capture_output=True, text=True)
    if tried.returncode:
        print(f"no TAP device can be made here: {tried.stderr.strip()}")
        sys.exit(77)
    seed = int(os.environ.get("MILLRACE_SEED", "1"))
    moments = random.Random(seed)
    interrupted = 0
    for i in range(count):
        mark = f"{os.getpid()}.{i}"
        before = things(temporary)
        moment = moments.uniform(0, LONGEST)
        interrupted += interrupt_once(build, moment, mark, temporary) != 0
        deadline = time.monotonic() + 5
        while (left := marked_processes(mark)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if left:
            sys.exit(f"seed {seed}, interrupted after {moment:.2f} s: left running {left}")
        if new := things(temporary) - before:
            sys.exit(f"seed {seed}, interrupted after {moment:.2f} s: left behind {sorted(new)}")
    if interrupted == 0:
        sys.exit("no run was interrupted before its end: the test has shown nothing")
    print(f"{interrupted} of {count} runs interrupted (seed {seed}): nothing left behind")


if __name__ == "__main__":
    main()
