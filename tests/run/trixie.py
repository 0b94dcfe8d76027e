#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Debian 13 beside this Debian: a chroot in which this tree, as it stands, is built and tested by its own ./dev.

    trixie.py MIRROR [NAME...]      MIRROR: of Debian, where the chroot is made from; NAME: as for ./dev test

Called by ./dev test-trixie, as root and in mount and PID namespaces of its own, which take what is mounted and started here with
them, whatever ends it. The chroot and what is built in it stay for the next run, below build/trixie or $MILLRACE_TRIXIE.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("MILLRACE_TRIXIE", ROOT / "build/trixie")).resolve()
CHROOT = FOLDER / "root"
START = time.monotonic()
# What a build or a test may be told by the one who calls it.
PASSED_ON = ("MILLRACE_SEED", "http_proxy", "https_proxy", "no_proxy", "TERM")


def say(text):
    print(f"[{time.monotonic() - START:4.0f}s] {text}", flush=True)


def run(*command):
    subprocess.run(command, check=True)


def make_chroot(mirror):
    """Renamed when it is whole, so that a run which was interrupted leaves none."""
    unfinished = FOLDER / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    log = FOLDER / "debootstrap.log"
    say(f"making a chroot of Debian 13 in {CHROOT}")
    with log.open("w") as output:
        made = subprocess.run(["debootstrap", "--variant=minbase", "--include=ca-certificates", "trixie", unfinished, mirror], stdout=output, stderr=output)
    if made.returncode:
        sys.exit(f"debootstrap failed: {log}")
    unfinished.rename(CHROOT)


def bind(source, place):
    place.mkdir(parents=True, exist_ok=True)
    run("mount", "--rbind", source, place)


def mount_all():
    # A root that is a mount point: unshare wants one.
    run("mount", "--bind", CHROOT, CHROOT)
    (CHROOT / "proc").mkdir(exist_ok=True)
    run("mount", "-t", "proc", "proc", CHROOT / "proc")
    for folder in "sys", "dev":
        bind(f"/{folder}", CHROOT / folder)
    # The tree is the caller's, what is built of it is the chroot's.
    run("mount", "--bind", ROOT, (CHROOT / "millrace"))
    bind(FOLDER / "build", CHROOT / "millrace/build")
    bind(os.environ["CCACHE_DIR"], CHROOT / "ccache")
    # A worktree's history lies elsewhere; the lints ask it for the names of the files.
    git = subprocess.run(["git", "-c", "safe.directory=*", "-C", ROOT, "rev-parse", "--path-format=absolute", "--git-common-dir"], capture_output=True, text=True)
    history = Path(git.stdout.strip())
    if git.returncode == 0 and ROOT not in history.parents:
        bind(history, CHROOT / history.relative_to("/"))


def main():
    mirror, wanted = sys.argv[1], sys.argv[2:]
    FOLDER.mkdir(parents=True, exist_ok=True)
    for folder in ROOT / "build", FOLDER / "build", Path(os.environ["CCACHE_DIR"]):
        folder.mkdir(parents=True, exist_ok=True)
    if not CHROOT.exists():
        make_chroot(mirror)
    (CHROOT / "millrace").mkdir(exist_ok=True)
    mount_all()
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", "CCACHE_DIR": "/ccache"}
    say("on Debian 13:")
    done = subprocess.run(["chroot", CHROOT, "/millrace/dev", "test", "--plain", *wanted], env=environment)
    return done.returncode


if __name__ == "__main__":
    # The first process of a PID namespace is not ended by signals that it does not await.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
