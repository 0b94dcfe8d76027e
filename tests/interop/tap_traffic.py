#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's TCP against Millrace over TAP, in namespaces of their own.

    tap_traffic.py BUILD thousand            1,000 connections at once, 64 KiB each way on each, then full pools
    tap_traffic.py BUILD lossy BYTES COUNT   BYTES each way over IPv4 and IPv6 and COUNT connections, over a bad cable

Exits with 77 where a TAP device cannot be made.
"""

import asyncio
import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tap import ADDRESSES, configure_kernel, demo_config, enter, run

PIECE = 65536


class Server:
    """httpd on TAP device mr0 of this namespace."""

    def __init__(self, build, scratch):
        self.log = open(scratch / "httpd.log", "w+")
        config = scratch / "config.yaml"
        config.write_text(demo_config())
        self.process = subprocess.Popen([f"{build}/apps/httpd/httpd", str(config)], stdout=self.log, stderr=self.log)
        self.wait_for("ready")

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def wait_for(self, word):
        for _ in range(600):
            if word in self.text():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f"httpd did not say '{word}':\n{self.text()}")

    def stop(self):
        """Ends it and returns the packet buffers in use at its begin and at its end."""
        self.process.terminate()
        if self.process.wait(60) != 0:
            sys.exit(f"httpd failed:\n{self.text()}")
        return [int(n) for n in re.findall(r"(\d+) packet buffers in use", self.text())]


def content(size, digest_from):
    """The server's own word for the SHA-256 of its first `size` bytes."""
    return run("curl", "-s", "-g", f"http://{digest_from}/sha256/{size}").strip()


async def exchange(address, gate, body, expected):
    """One connection: established, waits for all others, then 64 KiB up and 64 KiB down."""
    reader, writer = await asyncio.open_connection(address, 80)
    await gate.wait_for_all()
    writer.write(f"PUT /sink HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    answer = await read_answer(reader)
    assert answer.decode().strip() == hashlib.sha256(body).hexdigest(), "an upload was hashed otherwise"
    writer.write(f"GET /bytes/{PIECE} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    assert hashlib.sha256(await read_answer(reader)).hexdigest() == expected, "a download has the wrong hash"
    assert await reader.read() == b"", "the server did not close"
    writer.close()
    await writer.wait_closed()


async def read_answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert head.startswith("HTTP/1.1 200"), head
    return await reader.readexactly(int(re.search(r"Content-Length: (\d+)", head).group(1)))


class Gate:
    def __init__(self, count):
        self.missing = count
        self.open = asyncio.Event()

    async def wait_for_all(self):
        self.missing -= 1
        if self.missing == 0:
            established = int(run("sh", "-c", "ss -Htn state established | wc -l"))
            print(f"{established} connections established at once", flush=True)
            self.open.set()
        await self.open.wait()


async def connect_all(count, expected):
    gate = Gate(count)
    body = os.urandom(PIECE)
    await asyncio.gather(*(exchange(ADDRESSES[i % 2], gate, body, expected) for i in range(count)))


def connections(count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    asyncio.run(connect_all(count, content(PIECE, ADDRESSES[0])))
    print(f"{count} connections moved 64 KiB each way", flush=True)


def transfers(size, scratch):
    file = Path(scratch) / "file"
    for host in ("10.77.0.2", "[fd00:77::2]"):
        expected = content(size, host)
        begin = time.monotonic()
        run("curl", "-s", "-g", "--max-time", "240", "-o", str(file), f"http://{host}/bytes/{size}")
        got = hashlib.sha256(file.read_bytes()).hexdigest()
        assert got == expected, f"download from {host}: {got} instead of {expected}"
        answer = run("curl", "-s", "-g", "--max-time", "240", "-T", str(file), f"http://{host}/sink").strip()
        assert answer == expected, f"upload to {host}: {answer} instead of {expected}"
        print(f"{host}: {size} bytes each way in {time.monotonic() - begin:.1f} s, hashes match", flush=True)


def thousand(build, scratch):
    server = Server(build, scratch)
    configure_kernel()
    connections(1000)
    # The server closed first, so that it holds the TIME-WAITs: 60 s, as Linux has it.
    time.sleep(62)
    stats = json.loads(run("curl", "-s", f"http://{ADDRESSES[0]}/stats"))
    assert sum(stats["tcp"]["PassiveOpens"]) >= 1000, stats["tcp"]
    # The echo replies come after the server has read what acknowledges its last answer.
    run("ping", "-c", "10", "-i", "0.2", "-W", "20", ADDRESSES[0])
    begin, end = server.stop()
    assert end <= begin, f"{end} packet buffers in use at the end, {begin} at the begin"
    print(f"after TIME-WAIT: {end} packet buffers in use, {begin} at the begin (the TAP device's ring)")


def lossy(build, scratch, size, count):
    server = Server(build, scratch)
    Path("/proc/sys/net/ipv6/conf/mr0/disable_ipv6").write_text("1")
    run("ip", "link", "set", "mr0", "up")
    seed = os.environ.get("MILLRACE_SEED", "1")
    code = subprocess.run([f"{build}/tests/interop/tap_relay", "--seed", seed, "--loss", "0.02", "--reorder", "0.02", "--duplicate", "0.01",
                           "mr0", "--", sys.executable, __file__, build, "client", str(size), str(count), str(scratch)]).returncode
    begin, end = server.stop()
    if code:
        sys.exit(code)
    print(f"{end} packet buffers in use at the end, {begin} at the begin")


def main():
    build, what, *arguments = sys.argv[1:]
    if what == "client":
        size, count, scratch = arguments
        transfers(int(size), scratch)
        return connections(int(count))
    enter()
    with tempfile.TemporaryDirectory() as scratch:
        if what == "thousand":
            thousand(build, Path(scratch))
        else:
            lossy(build, Path(scratch), int(arguments[0]), int(arguments[1]))


if __name__ == "__main__":
    main()
