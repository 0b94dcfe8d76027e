#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""H7: the kernel's fragments and ours meet over TAP, in a namespace of their own: pings of 8,000 and 60,000 bytes and UDP datagrams of
20,000 and 65,507 bytes there and back, IPv4 and IPv6.

    tap_fragments.py BUILD

Exits with 77 where a TAP device cannot be made.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tap_traffic import ADDRESSES, ROOT, UNSHARE, run

PINGS, BYTES = 3, (8000, 60000)
DATAGRAMS = (20000, 65507)
TRIES = 3


def start(build, scratch):
    """examples/udp_echo on TAP device mr0 of this namespace."""
    text = (ROOT / "config/demo.yaml").read_text()
    config = scratch / "config.yaml"
    config.write_text(text[: text.index("capture:")])
    process = subprocess.Popen([f"{build}/examples/udp_echo", str(config), "7"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n", "udp_echo did not start"
    return process


def counters():
    """The kernel's of both versions."""
    snmp = Path("/proc/net/snmp").read_text()
    names, values = [line.split()[1:] for line in snmp.splitlines() if line.startswith("Ip:")]
    v6 = dict(line.split() for line in Path("/proc/net/snmp6").read_text().splitlines())
    return {"4": dict(zip(names, map(int, values))), "6": {name.removeprefix("Ip6"): int(value) for name, value in v6.items()}}


def ping(address, size):
    answer = run("ping", "-c", str(PINGS), "-i", "0.2", "-W", "5", "-s", str(size), address)
    assert f"{PINGS} received" in answer, answer
    assert len(re.findall(rf"{size + 8} bytes from", answer)) == PINGS, answer
    print(f"{PINGS} pings of {size} bytes to {address} answered", flush=True)


def echo(address, size):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(3)
        sent = os.urandom(size)
        for _ in range(TRIES):  # on a machine that is busy a queue may overflow
            peer.sendto(sent, (address, 7))
            try:
                received = peer.recv(65536)
            except TimeoutError:
                continue
            assert received == sent, f"{size} bytes to {address} came back otherwise"
            print(f"a datagram of {size} bytes to {address} came back", flush=True)
            return
        sys.exit(f"none of {TRIES} datagrams of {size} bytes to {address} came back")


def talk(build, scratch):
    process = start(build, scratch)
    run("ip", "address", "add", "10.77.0.1/24", "dev", "mr0")
    run("ip", "address", "add", "fd00:77::1/64", "dev", "mr0", "nodad")
    run("ip", "link", "set", "mr0", "up")
    for address in ADDRESSES:
        before = counters()["6" if ":" in address else "4"]
        for size in BYTES:
            ping(address, size)
        for size in DATAGRAMS:
            echo(address, size)
        after = counters()["6" if ":" in address else "4"]
        expected = PINGS * len(BYTES) + len(DATAGRAMS)
        assert after["ReasmOKs"] - before["ReasmOKs"] >= expected, (before, after)
        assert after["FragOKs"] - before["FragOKs"] >= expected, (before, after)
    process.terminate()
    print("\n".join(line for line in process.communicate(timeout=60)[0].splitlines() if line.startswith(("drop.", "ip.", "ip6."))))
    assert process.returncode == 0, "udp_echo failed"


def main():
    build = sys.argv[1]
    if os.environ.get("MILLRACE_INSIDE") != "1":
        tried = subprocess.run([*UNSHARE, "ip", "tuntap", "add", "mr-try", "mode", "tap"], capture_output=True, text=True)
        if tried.returncode:
            print(f"no TAP device can be made here: {tried.stderr.strip()}")
            sys.exit(77)
        sys.exit(subprocess.run([*UNSHARE, sys.executable, __file__, build], env={**os.environ, "MILLRACE_INSIDE": "1"}).returncode)
    with tempfile.TemporaryDirectory() as scratch:
        talk(build, Path(scratch))


if __name__ == "__main__":
    main()
