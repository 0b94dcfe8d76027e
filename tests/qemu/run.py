#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The conformance suite on devices that nobody here wrote: QEMU's igb and virtio-net-pci, driven by DPDK in guests of its own.

    run.py [GUEST...]     all guests, or those named

Called by ./dev test-qemu; guest.py makes a guest. A cable has the device under test at its one end and at the other a NIC that the
guest's kernel drives, where the suite has a packet socket. A guest passes if it says so on its console and by its exit code.
"""

import dataclasses
import os
import re
import subprocess
import sys
import time

import guest

START = time.monotonic()
BUILD = guest.ROOT / "build/plain"
PROGRAMS = ["tests/qemu/qemu_conformance", "tests/qemu/qemu_exit"]
PASSED = 42 << 1 | 1
SECONDS = 180  # of a guest, where others work, too
# It takes frames of any length, whole and with their checksums.
PEER = "virtio-net-pci," + ",".join(f"{offload}=off" for offload in ("csum", "guest_csum", "gso", "guest_tso4", "guest_tso6", "guest_ecn", "guest_ufo", "host_tso4", "host_tso6", "host_ecn", "host_ufo"))
# Where in the bus the devices under test are (igb's VFs are 16 places above it), and their peers, which are the kernel's eth0 and
# so on.
SLOTS = {"dut": range(0x02, 0x0a, 2), "peer": range(0x1a, 0x1e)}
VIRTIO = "virtio-net-pci,iommu_platform=on,disable-legacy=on,host_mtu=9000"


@dataclasses.dataclass
class Guest:
    """`queues` of the devices if their cables are TAP devices, by which alone QEMU has offloads and several queues for virtio-net."""

    devices: list
    queues: list = dataclasses.field(default_factory=list)

    def cable(self, number):
        """Both NICs and what joins them."""
        lines = []
        for end, nic in ("dut", self.devices[number]), ("peer", PEER):
            name, slot = f"{end}{number}", SLOTS[end][number]
            several = f",queues={self.queues[number]}" if self.queues and end == "dut" else ""
            medium = f"tap,ifname={name},script=no,downscript=no{several}" if self.queues else f"hubport,hubid={number}"
            lines += ["-netdev", f"{medium},id={name}-cable"]
            lines += ["-device", f"{nic},id={name},netdev={name}-cable,mac=52:54:00:00:00:{slot:02x},addr={slot:#x},romfile="]
        return lines

    def command(self, name):
        devices = [word for number in range(len(self.devices)) for word in self.cable(number)]
        qemu = guest.command(guest.FOLDER / "root", {"MILLRACE_GUEST": name}, devices)
        return ["unshare", "--net", guest.HERE / "cables.sh", *map(str, self.queues), "--", *qemu] if self.queues else qemu


GUESTS = {
    "igb": Guest(["igb"]),
    "virtio": Guest([VIRTIO, f"{VIRTIO},packed=on"]),
    "virtio-tap": Guest([VIRTIO, f"{VIRTIO},packed=on", f"{VIRTIO},mq=on,vectors=10,rss=on"], queues=[1, 1, 4]),
}


def say(text):
    print(f"[{time.monotonic() - START:4.0f}s] {text}", flush=True)


def boot(name):
    """The guest's console and its exit code; null if it did not come to an end."""
    log = guest.FOLDER / f"{name}.log"
    with log.open("w") as console:
        try:
            code = subprocess.run(GUESTS[name].command(name), cwd=guest.FOLDER, stdin=subprocess.DEVNULL, stdout=console, stderr=console, timeout=SECONDS).returncode
        except subprocess.TimeoutExpired:
            code = None
    return re.sub(r"\r|\x1b\[[0-9;]*m", "", log.read_text(errors="replace")), code


def passes(name):
    began = time.monotonic()
    console, code = boot(name)
    if code is None and re.search(r"rcu:.*stall", console):
        say(f"{name}: the guest's kernel stood still, as it may where the processor is emulated: once more")
        console, code = boot(name)
    passed = code == PASSED and "guest: passed" in console
    lines = console.splitlines()
    shown = [line for line in lines if re.match(r"not possible|All tests passed|test cases:|assertions:", line)] if passed else lines[-60:]
    print("\n".join(shown), flush=True)
    say(f"{name}: {'passed' if passed else 'FAILED'} in {time.monotonic() - began:.0f} s" + ("" if passed else f" (exit code {code}, {guest.FOLDER}/{name}.log)"))
    return passed


def main():
    wanted = sys.argv[1:] or list(GUESTS)
    unknown = [name for name in wanted if name not in GUESTS]
    if unknown:
        sys.exit(f"there is no guest {unknown[0]}: {', '.join(GUESTS)}")
    say("building the test and the guest")
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    if subprocess.run(["ninja", "-C", BUILD, *quiet, *PROGRAMS]).returncode:
        sys.exit("building it failed")
    guest.FOLDER.mkdir(parents=True, exist_ok=True)
    guest.make_root([BUILD / program for program in PROGRAMS], guest.FOLDER / "root")
    without_right = [name for name in wanted if GUESTS[name].queues and os.geteuid() != 0]
    for name in without_right:
        say(f"skipped {name}: TAP devices want root")
    able = [name for name in wanted if name not in without_right]
    failed = [name for name in able if not passes(name)]
    print(f"{len(able) - len(failed)} passed, {len(failed)} failed, {len(without_right)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
