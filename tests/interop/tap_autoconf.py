#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""H12, I1: over TAP, in a namespace of their own, radvd advertises a prefix and Millrace makes itself an address of it, which the
kernel's ping reaches; ndisc6 and arping find its link addresses.

    tap_autoconf.py BUILD

Exits with 77 where a TAP device cannot be made or radvd, ndisc6 or arping is missing.
"""

import subprocess
import sys
import time

from tap import configure_kernel, main, run, start, stop

KERNELS_MAC, MAC = "02:00:00:00:77:02", "02:00:00:00:77:03"  # of DPDK's TAP device ours is the next
SLAAC = "fd00:78::ff:fe00:7703"
CONFIG = f"""
ports:
  - {{name: tap0, driver: tap, iface: mr0, mac: "{KERNELS_MAC}"}}
stacks:
  - name: host
    interfaces:
      - {{port: tap0, addresses: [10.78.0.2/24], autoconf: true}}
"""
RADVD = """interface mr0 {
  AdvSendAdvert on;
  MinRtrAdvInterval 3;
  MaxRtrAdvInterval 4;
  prefix fd00:78::/64 { AdvOnLink on; AdvAutonomous on; };
  RDNSS fd00:78::53 {};
};
"""


def talk(build, scratch):
    process = start(build, scratch, CONFIG)
    configure_kernel(78)
    run("sysctl", "-w", "net.ipv6.conf.all.forwarding=1")
    advertises = scratch / "radvd.conf"
    advertises.write_text(RADVD)
    radvd = subprocess.Popen(["radvd", "-n", "-C", str(advertises), "-p", str(scratch / "radvd.pid"), "-m", "stderr"])
    try:
        for _ in range(30):
            if subprocess.run(["ping", "-c", "1", "-W", "1", SLAAC], capture_output=True).returncode == 0:
                break
            time.sleep(0.3)
        else:
            process.terminate()
            sys.exit(f"{SLAAC} never answered:\n{process.communicate(timeout=60)[0]}")
        print(run("ping", "-c", "3", "-i", "0.2", SLAAC))
        answer = run("ndisc6", SLAAC, "mr0")
        assert MAC in answer.lower(), answer
        answer = run("arping", "-c", "2", "-I", "mr0", "10.78.0.2")
        assert MAC in answer.lower() and "Received 2 response" in answer, answer
        # Who looks whether the address is free hears that it is not.
        taken = subprocess.run(["arping", "-D", "-c", "2", "-w", "3", "-I", "mr0", "10.78.0.2"], capture_output=True, text=True)
        assert taken.returncode == 1, taken.stdout
        print("radvd, ndisc6 and arping are content")
    finally:
        radvd.terminate()
        radvd.wait(30)
    stop(process)


if __name__ == "__main__":
    main(talk, ("radvd", "ndisc6", "arping"))
