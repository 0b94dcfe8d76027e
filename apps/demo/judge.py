# SPDX-License-Identifier: BSD-3-Clause
"""Has tshark judge a capture: every checksum right, nothing malformed. Proves first, on a frame with one bit flipped, that
it would find a fault."""

import struct
import subprocess

CHECKS = [option for name in ("ip", "tcp", "udp") for option in ("-o", f"{name}.check_checksum:TRUE")]
FAULTS = ("_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || "
          "icmp.checksum.status == 0 || icmpv6.checksum.status == 0")


class Bad(Exception):
    pass


def faults(capture):
    """The frames of a capture with something wrong in them, a line each."""
    done = subprocess.run(["tshark", "-n", "-r", str(capture), *CHECKS, "-Y", FAULTS], capture_output=True, text=True)
    if done.returncode:
        raise Bad(f"tshark cannot read {capture}: {done.stderr.strip()}")
    return done.stdout.splitlines()


def corrupted_fixture(path):
    """A pcap of one UDP datagram whose payload was changed after its checksum was computed."""
    udp = struct.pack("!HHHH", 7, 7, 12, 0x1234) + b"oops"
    ip = bytes.fromhex("45000020000040004011") + b"\x00\x00" + bytes([10, 77, 0, 1, 10, 77, 0, 2])
    words = struct.unpack("!10H", ip)
    total = sum(words)
    total = (total & 0xffff) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", ~((total & 0xffff) + (total >> 16)) & 0xffff) + ip[12:]
    frame = bytes.fromhex("020000000002020000000001" "0800") + ip + udp
    header = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    path.write_bytes(header + struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def check(capture, scratch):
    """Returns how many frames the capture has; raises Bad when one of them is wrong."""
    fixture = scratch / "corrupted.pcap"
    corrupted_fixture(fixture)
    if len(faults(fixture)) != 1:
        raise Bad("tshark did not find the fault in the corrupted fixture: its verdict on the capture means nothing")
    found = faults(capture)
    if found:
        raise Bad(f"tshark found {len(found)} bad frames in the capture, the first:\n" + "\n".join(found[:5]))
    counted = subprocess.run(["capinfos", "-c", "-M", "-T", "-r", str(capture)], capture_output=True, text=True)
    frames = counted.stdout.split()
    if counted.returncode or not frames or int(frames[-1]) == 0:
        raise Bad(f"the capture has no frames: {counted.stdout}{counted.stderr}")
    return int(frames[-1])
