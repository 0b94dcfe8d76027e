#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""H6, H7, H11, H12: Debian's network tools against Millrace over TAP, in namespaces of their own, IPv4 and IPv6.

    tap_tools.py BUILD host        ping of all sizes and ways to cut them, to everybody, with recorded routes and timestamps; traceroute and
                                   tracepath; rdisc6
    tap_tools.py BUILD router      traceroute and tracepath through a Millrace that forwards, to a link with a smaller MTU
    tap_tools.py BUILD datagrams   socat's datagrams there and back, begun by either side; groups as mDNS uses them

(radvd, ndisc6 and arping: tap_autoconf.py. dnsmasq: tap_dhcp.py.) Exits with 77 where a TAP device cannot be made or a tool is missing.
"""

import contextlib
import os
import re
import select
import subprocess
import sys
import time

from tap import ADDRESSES, configure_kernel, counters, demo_config, main, run, start, stop
from tap_forward import CONFIG as ROUTERS_CONFIG
from tap_forward import FAR, ROUTER, check, far_end

TOOLS = ("ping", "traceroute", "tracepath", "rdisc6", "socat", "tcpdump")
SIZES, MTU = (0, 56, 1452, 1472, 8000, 65507), 1500
DATAGRAMS = (1, 1400, 9000)
MDNS = 5353
GROUPS = {"4": "224.0.0.251", "6": "ff02::fb"}
PATIENCE = 20
CONFIG = """
ports:
  - {name: tap0, driver: tap, iface: mr0, mac: "02:00:00:00:77:02"}
stacks:
  - name: host
    interfaces:
      - {port: tap0, addresses: [10.77.0.2/24, "fd00:77::2/64"]}
"""


def said(*command):
    """Standard output and error of a tool, whatever its exit code."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def ping(*options):
    return said("ping", "-n", "-c", "2", "-i", "0.2", *options)


# --- host ---


def ping_sizes(address):
    header = 48 if ":" in address else 28
    for way in ("do", "want", "dont"):
        for size in SIZES:
            answer = ping("-W", "5", "-M", way, "-s", str(size), address)
            if way == "do" and size + header > MTU:
                # iputils of Debian 12, and of 13.
                check(answer, rf"(local error: message too long, mtu(=|: ){MTU}|sendmsg: Message too long)\n")
            else:
                check(answer, rf"(?s){size + 8} bytes from {address}: icmp_seq=1 ttl=64.* 2 received, 0% packet loss")
    print(f"{address}: {len(SIZES)} sizes of ping, cut or not", flush=True)


def ping_everybody():
    """net.ipv4.icmp_echo_ignore_broadcasts is 1, net.ipv6.icmp.echo_ignore_multicast 0, as Linux has them."""
    check(ping("-W", "1", "-b", "10.77.0.255"), r" 0 received")
    check(ping("-W", "1", "-I", "mr0", "224.0.0.1"), r" 0 received")
    check(ping("-W", "5", "ff02::1%mr0"), r"(?s)from fe80::ff:fe00:7703%mr0: icmp_seq=1.* 2 received")


def ping_with_options():
    """Recorded routes and timestamps: both hosts write themselves in when the request comes and when the reply goes."""
    check(ping("-W", "5", "-R", "10.77.0.2"), r"(?s)RR: \t10.77.0.1\n\t10.77.0.2\n\t10.77.0.2\n\t10.77.0.1\n.* 2 received")
    for way, seen in (("tsonly", ""), ("tsandaddr", r"10.77.0.[12]\t")):
        answer = ping("-W", "5", "-T", way, "10.77.0.2")
        check(answer, r" 2 received")
        stamps = re.search(rf"TS: \t(?:{seen})?(\d+) absolute\n((?:\t(?:{seen})?-?\d+\n)+)", answer)
        assert stamps, answer
        now = int(time.time() * 1000) % 86_400_000
        assert abs(now - int(stamps[1])) < 60_000, answer
        # Of four entries the first is absolute, each other one relative to the one before it.
        steps = [int(line.split("\t")[-1]) for line in stamps[2].strip().splitlines()]
        assert len(steps) == 3 and all(-2 <= step < 5_000 for step in steps), answer
    check(ping("-W", "5", "-T", "tsprespec", "10.77.0.2", "10.77.0.2"), r" 2 received")
    print("10.77.0.2: ping records routes and timestamps", flush=True)


def trace_host(address):
    """Three probes at a time: of 16 at once six are answered (net.ipv4.icmp_ratelimit), and with two lcores not the first six."""
    for way in ([], ["-I"], ["-T"]):
        answer = said("traceroute", "-n", "-N", "3", "-w", "5,1000,1000", *way, address)
        check(answer, rf"\n 1  {address}(  [\d.]+ ms){{3}}\n$")
    check(said("tracepath", "-n", address), rf"(?s)\n 1: +{address} +[\d.]+ms reached\n.*Resume: pmtu {MTU} hops 1 back 1 ")
    print(f"{address}: one hop by traceroute of UDP, ICMP and TCP, and by tracepath", flush=True)


def host(build, scratch):
    process = start(build, scratch, demo_config())
    configure_kernel()
    for address in ADDRESSES:
        trace_host(address)
        ping_sizes(address)
    ping_everybody()
    ping_with_options()
    # A host does not advertise itself as a router. (What routers advertise: tap_autoconf.py, tap_dhcp.py.)
    check(said("rdisc6", "-r", "1", "-w", "500", "mr0"), r"Timed out.\nNo response.")
    counted = counters(stop(process))
    assert counted["drop.icmp_broadcast_echo"] == 4, counted


# --- router ---


def trace_far(version):
    far, router = FAR[version], ROUTER[version]
    # First, for it finds the MTU itself, which the kernel then keeps.
    answer = said("tracepath", "-n", far)
    check(answer, rf"\[LOCALHOST\].* pmtu {MTU}\n( 1: +{router} .*\n)+ 2: +{router} .* pmtu 1400\n 2: +{far} .*reached\n *Resume: pmtu 1400 hops 2 back 2 ")
    for way in (["-U"], ["-I"], ["-T", "-p", "8000"]):
        answer = said("traceroute", "-n", "-q", "1", "-N", "1", "-w", "5", *way, far)
        check(answer, rf"\n 1  {router}  [\d.]+ ms\n 2  {far}  [\d.]+ ms\n$")
    print(f"{far}: two hops by traceroute of UDP, ICMP and TCP; tracepath finds the MTU of the second link", flush=True)


def router(build, scratch):
    process = start(build, scratch, ROUTERS_CONFIG)
    with far_end():
        for version in FAR:
            trace_far(version)
        hops = ["10.77.0.1", "10.78.0.2", "10.78.0.1", "10.78.0.1", "10.77.0.2", "10.77.0.1"]
        check(ping("-W", "5", "-R", FAR["4"]), r"(?s)RR: \t" + r"\n\t".join(hops) + r"\n.* 2 received")
        # It forwards, but nobody told it to advertise itself: that is radvd's to do, as beside Linux.
        check(said("rdisc6", "-r", "1", "-w", "500", "mr0"), r"Timed out.\nNo response.")
    counted = counters(stop(process))
    for name in ("icmp.OutTimeExcds", "icmp.OutDestUnreachs", "icmp6.OutTimeExcds", "icmp6.OutPktTooBigs"):
        assert counted[name] > 0, name


# --- datagrams ---


class Talker:
    """A program that is talked to by lines, or a tool that prints them."""

    def __init__(self, process):
        self.process = process
        self.text = ""

    def say(self, text):
        os.write(self.process.stdin.fileno(), text.encode())

    def wait_for(self, pattern):
        """The match of the first text that it printed since the last such text."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text)):
            ready, _, _ = select.select([self.process.stdout], [], [], max(end - time.monotonic(), 0))
            piece = os.read(self.process.stdout.fileno(), 1 << 17).decode() if ready else ""
            if not piece:
                sys.exit(f"{self.process.args[0]} did not say {pattern[:200]} but\n{self.text}")
            self.text += piece
        self.text = self.text[found.end() :]
        return found


@contextlib.contextmanager
def talker(*command):
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield Talker(process)
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(30)


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def socat_asks(millrace, version, address):
    """socat begins; Millrace answers to where it came from."""
    with talker("socat", "-b", "65536", "STDIO", f"UDP{version}:{bracketed(address)}:{MDNS}") as socat:
        for size in DATAGRAMS:
            text = os.urandom(size).hex()[:size]
            socat.say(text)
            source = millrace.wait_for(rf"heard (\S+) (\d+) {text}\n")
            millrace.say(f"send {source[1]} {source[2]} {text[::-1]}\n")
            socat.wait_for(text[::-1])


def socat_answers(millrace, version, peer):
    """Millrace begins; socat is the echo."""
    listen = f"UDP{version}-RECVFROM:7,fork" + (",ipv6-v6only=1" if version == "6" else "")
    with talker("socat", "-d", "-d", "-b", "65536", listen, "PIPE") as socat:
        socat.wait_for("receiving on")
        for size in DATAGRAMS:
            text = os.urandom(size).hex()[:size]
            millrace.say(f"send {peer} 7 {text}\n")
            millrace.wait_for(rf"heard {peer} 7 {text}\n")
    print(f"socat of IPv{version}: datagrams of {DATAGRAMS} bytes there and back, begun by either", flush=True)


def meet_in_group(millrace, version, watcher):
    """Two hosts of an mDNS group: what the one sends to it the other hears."""
    group = GROUPS[version]
    report = {"4": r"10\.77\.0\.2 > 224\.0\.0\.22: igmp v3 report", "6": r"fe80::ff:fe00:7703 > ff02::16: .*multicast listener report v2"}[version]
    millrace.say(f"join {group}\n")
    millrace.wait_for(rf"join {group}: 0\n")
    watcher.wait_for(rf"{report}.*gaddr {group} to_ex\b")
    millrace.say("groups\n")
    millrace.wait_for(rf"tap0 {group} users 1\n(.*\n)*\n")
    at = {
        "4": f"UDP4-DATAGRAM:{group}:{MDNS},bind=:{MDNS},reuseaddr,ip-add-membership={group}:mr0,ip-multicast-if=10.77.0.1",
        "6": f"UDP6-DATAGRAM:[{group}%mr0]:{MDNS},bind=[::]:{MDNS},reuseaddr,ipv6-v6only=1,ipv6-join-group=[{group}]:mr0",
    }[version]
    with talker("socat", "-d", "-d", "-b", "65536", "STDIO", at) as socat:
        socat.wait_for("starting data transfer loop")
        for turn in range(3):
            socat.say(f"who-is-there-{turn}")
            millrace.wait_for(rf"heard (10\.77\.0\.1|fe80::ff:fe00:7702) {MDNS} who-is-there-{turn}\n")
            millrace.say(f"send {group} {MDNS} millrace-{turn}\n")
            socat.wait_for(f"millrace-{turn}")
    millrace.say(f"leave {group}\ngroups\n")
    left = millrace.wait_for(rf"leave {group}: 0\n((.+\n)*)\n")[1]
    assert group not in left, left
    watcher.wait_for(rf"{report}.*gaddr {group} to_in\b")
    print(f"{group}: both hear each other; reports at joining and leaving", flush=True)


def datagrams(build, scratch):
    # The link-local address is the kernel's at once.
    run("sysctl", "-w", "net.ipv6.conf.default.accept_dad=0")
    config = scratch / "config.yaml"
    config.write_text(CONFIG)
    with talker(f"{build}/tests/interop/udp_host", str(config), str(MDNS)) as millrace:
        millrace.wait_for("ready\n")
        configure_kernel()
        for address in ADDRESSES:
            version = "6" if ":" in address else "4"
            socat_asks(millrace, version, address)
            socat_answers(millrace, version, address[:-1] + "1")
        with talker("tcpdump", "-Z", "root", "-n", "-v", "-l", "-i", "mr0", "igmp or ip6") as watcher:
            watcher.wait_for("listening on")
            for version in GROUPS:
                meet_in_group(millrace, version, watcher)
        counted = counters(millrace.process.communicate(timeout=60)[0].decode())
        assert millrace.process.returncode == 0, "udp_host failed"
    assert counted["ip.FragOKs"] == 2 and counted["ip6.FragOKs"] == 2, counted
    assert counted["ip.ReasmOKs"] == 2 and counted["ip6.ReasmOKs"] == 2, counted


if __name__ == "__main__":
    main({"host": host, "router": router, "datagrams": datagrams}[sys.argv[2]], TOOLS)
