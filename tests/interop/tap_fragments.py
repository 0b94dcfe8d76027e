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
import sys
from pathlib import Path

from tap import ADDRESSES, configure_kernel, demo_config, main, run, start, stop

PINGS, BYTES = 3, (8000, 60000)
DATAGRAMS = (20000, 65507)
TRIES = 3


def kernels_counters():
    """Of both versions."""
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
    process = start(build, scratch, demo_config())
    configure_kernel()
    for address in ADDRESSES:
        before = kernels_counters()["6" if ":" in address else "4"]
        for size in BYTES:
            ping(address, size)
        for size in DATAGRAMS:
            echo(address, size)
        after = kernels_counters()["6" if ":" in address else "4"]
        expected = PINGS * len(BYTES) + len(DATAGRAMS)
        assert after["ReasmOKs"] - before["ReasmOKs"] >= expected, (before, after)
        assert after["FragOKs"] - before["FragOKs"] >= expected, (before, after)
    print("\n".join(line for line in stop(process).splitlines() if line.startswith(("drop.", "ip.", "ip6."))))


if __name__ == "__main__":
    main(talk)
