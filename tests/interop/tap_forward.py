#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""H6: two namespaces of the kernel that reach each other through Millrace alone, over two TAP devices: ping, what traceroute and
tracepath go by (TTL 1, a packet too long), fragments, and HTTP by curl; IPv4 and IPv6.

    tap_forward.py BUILD

Exits with 77 where a TAP device cannot be made.
"""

import contextlib
import hashlib
import os
import re
import subprocess
import sys
import time

from tap import counters, main, run, start, stop

CONFIG = """
lcores: 2
ports:
  - {name: tap0, driver: tap, iface: mr0, mac: "02:00:00:00:77:02", rps_cpus: "3"}
  - {name: tap1, driver: tap, iface: mr1, mac: "02:00:00:00:78:02", rps_cpus: "3", mtu: 1400}
stacks:
  - name: router
    interfaces:
      - {port: tap0, addresses: [10.77.0.2/24, "fd00:77::2/64"]}
      - {port: tap1, addresses: [10.78.0.2/24, "fd00:78::2/64"]}
sysctl:
  net.ipv4.ip_forward: 1
  net.ipv6.conf.all.forwarding: 1
"""
FAR = {"4": "10.78.0.1", "6": "fd00:78::1"}
ROUTER = {"4": "10.77.0.2", "6": "fd00:77::2"}
BYTES = 8 << 20


def set_up(inside, device, net, other):
    """An end of the way, in the namespace that `inside` leads into."""
    for command in (
        f"link set {device} mtu {1400 if net == 78 else 1500} up",
        f"address add 10.{net}.0.1/24 dev {device}",
        f"address add fd00:{net}::1/64 dev {device} nodad",
        f"route add 10.{other}.0.0/24 via 10.{net}.0.2",
        f"route add fd00:{other}::/64 via fd00:{net}::2",
    ):
        run(*inside, "ip", *command.split())


def ping(*options):
    """What ping says, whether or not it was answered."""
    return subprocess.run(["ping", "-n", "-W", "3", "-i", "0.2", *options], capture_output=True, text=True).stdout


def check(text, pattern):
    assert re.search(pattern, text), f"no {pattern} in:\n{text}"


def ask(version):
    far, router = FAR[version], ROUTER[version]
    check(ping("-c", "5", far), r"5 received")
    expired = "Time to live exceeded" if version == "4" else "Time exceeded: Hop limit"
    check(ping("-c", "1", "-t", "1", far), rf"From {router}.* {expired}")
    too_long = r"Frag needed and DF set \(mtu = 1400\)" if version == "4" else r"Packet too big: mtu=1400"
    check(ping("-c", "1", "-M", "do", "-s", "1440", far), rf"From {router}.* {too_long}")
    check(ping("-c", "3", "-s", "4000", far), r"3 received")
    nobody = "10.78.0.77" if version == "4" else "fd00:78::77"
    unreachable = "Destination Host Unreachable" if version == "4" else "Destination unreachable: Address unreachable"
    check(ping("-c", "1", "-W", "6", nobody), rf"From {router}.* {unreachable}")
    url = f"http://{far if version == '4' else f'[{far}]'}:8000/file"
    got = subprocess.run(["curl", "-sS", "-g", "--max-time", "60", url], check=True, capture_output=True).stdout
    print(f"IPv{version}: pings, time exceeded, {too_long}, fragments, unreachable, {len(got)} bytes by curl", flush=True)
    return got


@contextlib.contextmanager
def far_end():
    """The namespace behind mr1, as a command that leads into it; the near end of the way is mr0."""
    far = subprocess.Popen(["unshare", "--net", sys.executable, "-c", "import sys; print('there', flush=True); sys.stdin.read()"],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert far.stdout.readline() == "there\n"
    inside = ["nsenter", "-t", str(far.pid), "-n"]
    try:
        run("ip", "link", "set", "mr1", "netns", str(far.pid))
        run(*inside, "ip", "link", "set", "lo", "up")
        set_up([], "mr0", 77, 78)
        set_up(inside, "mr1", 78, 77)
        yield inside
    finally:
        far.stdin.close()
        far.wait(10)


def fetch_through(digest, inside, scratch):
    server = subprocess.Popen([*inside, sys.executable, "-m", "http.server", "--bind", "::", "8000", "--directory", str(scratch)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    try:
        for version in FAR:
            assert hashlib.sha256(ask(version)).digest() == digest, "the file arrived otherwise"
    finally:
        server.terminate()
        server.wait(10)


def talk(build, scratch):
    (scratch / "file").write_bytes(os.urandom(BYTES))
    digest = hashlib.sha256((scratch / "file").read_bytes()).digest()
    router = start(build, scratch, CONFIG)
    with far_end() as inside:
        fetch_through(digest, inside, scratch)
    counted = counters(stop(router))
    print("\n".join(f"{name} {value}" for name, value in counted.items() if name.startswith(("drop.", "ip.", "ip6.", "icmp"))))
    for name in ("ip.ForwDatagrams", "ip6.OutForwDatagrams"):
        assert counted[name] > 100, name


if __name__ == "__main__":
    main(talk)
