#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Over TAP, in a namespace of their own, dnsmasq gives Millrace an IPv4 address, routes, an MTU and name servers by DHCP, and by
DHCPv6, for which its router advertisements ask, name servers of IPv6. The kernel's ping reaches the address; at its end Millrace gives
the lease back. (dnsmasq's shortest lease is two minutes: renewals are for tests/unit/stack/dhcp.)

    tap_dhcp.py BUILD

Exits with 77 where a TAP device cannot be made or dnsmasq is missing.
"""

import re
import subprocess
import sys
import time

from tap import configure_kernel, main, run

KERNELS_MAC, MAC = "02:00:00:00:77:02", "02:00:00:00:77:03"  # of DPDK's TAP device ours is the next
SLAAC = "fd00:79::ff:fe00:7703"
CONFIG = f"""
lcores: 2
ports:
  - {{name: tap0, driver: tap, iface: mr0, mac: "{KERNELS_MAC}", rps_cpus: "3"}}
stacks:
  - name: host
    interfaces:
      - {{port: tap0, autoconf: true, dhcp: true}}
"""
# Its router advertisements name the same name servers as its answers in DHCPv6; the log says that it was asked.
DNSMASQ = """port=0
interface=mr0
bind-dynamic
no-resolv
no-hosts
user=root
log-dhcp
log-facility=-
dhcp-authoritative
dhcp-range=10.79.0.100,10.79.0.110,255.255.255.0,2m
dhcp-option=option:dns-server,10.79.0.53,10.79.0.54
dhcp-option=option:mtu,1400
dhcp-option=option:classless-static-route,0.0.0.0/0,10.79.0.1,10.80.0.0/16,10.79.0.9
enable-ra
dhcp-range=::,constructor:mr0,ra-stateless,64
dhcp-option=option6:dns-server,[fd00:79::53],[fd00:79::54]
"""


def wait_for(text, pattern, process, what):
    for _ in range(300):
        found = re.search(pattern, text(), re.MULTILINE)
        if found:
            return found
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"{what} did not come:\n{text()}")


def talk(build, scratch):
    config = scratch / "config.yaml"
    config.write_text(CONFIG)
    out, log = scratch / "host.out", scratch / "dnsmasq.log"
    with open(out, "w") as stream:
        host = subprocess.Popen([f"{build}/tests/interop/dhcp_host", str(config)], stdout=stream, stderr=stream)
    wait_for(out.read_text, "^ready", host, "ready")
    configure_kernel(79)
    settings = scratch / "dnsmasq.conf"
    settings.write_text(DNSMASQ + f"dhcp-leasefile={scratch}/leases\n")
    with open(log, "w") as stream:
        server = subprocess.Popen(["dnsmasq", "--keep-in-foreground", f"--conf-file={settings}", f"--pid-file={scratch}/pid"], stdout=stream, stderr=stream)
    both = lambda: out.read_text() + log.read_text()  # noqa: E731
    try:
        address = wait_for(both, r"^has.* (10\.79\.0\.1\d\d)/24.* dns 10\.79\.0\.53 10\.79\.0\.54 fd00:79::53 fd00:79::54$", host, "the address and name servers").group(1)
        assert f"DHCPACK(mr0) {address} {MAC}" in log.read_text(), log.read_text()
        wait_for(both, rf"^has.* {SLAAC}/64", host, "the address of the router's prefix")
        wait_for(both, r"DHCPINFORMATION-REQUEST\(mr0\)", host, "a question in DHCPv6")
        wait_for(both, r"sent size: +32 option: +23 dns-server", host, "an answer in DHCPv6")
        print(run("ping", "-c", "3", "-i", "0.2", address))
        print(run("ping", "-c", "1", "-s", "1372", "-M", "do", address))
        routes = out.read_text()
        assert re.search(r"^tap0\s+00000000\s+01004F0A", routes, re.MULTILINE), routes
        assert re.search(r"^tap0\s+0000500A\s+09004F0A", routes, re.MULTILINE), routes
        host.terminate()
        assert host.wait(60) == 0, both()
        wait_for(both, rf"DHCPRELEASE\(mr0\) {re.escape(address)} {MAC}", server, "the release")
        print("dnsmasq is content")
    finally:
        for process in (host, server):
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main(talk, ("dnsmasq",))
