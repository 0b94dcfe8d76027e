#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs an example as its reader would: over a TAP device of a network namespace of its own, the kernel's stack beside it.

    examples_test.py BUILD EXAMPLE

Exits with 77 where no namespace and no TAP device can be made.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
HOSTS = [(socket.AF_INET, "10.77.0.2"), (socket.AF_INET6, "fd00:77::2")]
CONFIG = """
lcores: 2
ports:
  - {name: tap0, driver: tap, iface: mr0, mac: "02:00:00:00:77:02", rps_cpus: "3"}
stacks:
  - name: host
    interfaces:
      - {port: tap0, addresses: [10.77.0.2/24, "fd00:77::2/64"]}
"""
PATIENCE = 60


class Example:
    """A running example; its standard output is gathered while it runs."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out = b""
        self.err = b""
        self.gatherers = [threading.Thread(target=self.gather, args=pipe, daemon=True)
                          for pipe in ((self.process.stdout, "out"), (self.process.stderr, "err"))]
        for gatherer in self.gatherers:
            gatherer.start()

    def gather(self, pipe, name):
        while piece := os.read(pipe.fileno(), 65536):
            setattr(self, name, getattr(self, name) + piece)

    def say(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait_for(self, what, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit(f"{what}: not within {PATIENCE} s\n{self.out.decode()}{self.err.decode()}")
            time.sleep(0.01)

    def end(self, code=0, by=None):
        if by is not None:
            self.process.send_signal(by)
        self.process.stdin.close()
        got = self.process.wait(PATIENCE)
        for gatherer in self.gatherers:
            gatherer.join()
        assert got == code, f"exit code {got}, not {code}\n{self.err.decode()}"


def configure_kernel_side():
    """Gives the TAP device the addresses of the other host; false when it is not there."""
    commands = ("addr replace 10.77.0.1/24 dev mr0", "addr replace fd00:77::1/64 dev mr0 nodad", "link set mr0 up")
    return all(subprocess.run(["ip", *c.split()], capture_output=True).returncode == 0 for c in commands)


def start(build, scratch, name, *arguments):
    config = scratch / "config.yaml"
    config.write_text(CONFIG)
    return Example(f"{build}/examples/{name}", str(config), *arguments)


def serve(build, scratch, name, *arguments):
    example = start(build, scratch, name, *arguments)
    example.wait_for("ready", lambda: b"ready" in example.out)
    assert configure_kernel_side(), "mr0 cannot be configured"
    return example


def run_client(build, scratch, server, text, code):
    example = start(build, scratch, "tcp_client", server)
    example.say(text)

    def configure():  # it begins to connect at once, and does not say when its device is there
        while example.process.poll() is None:
            configure_kernel_side()
            time.sleep(0.05)

    threading.Thread(target=configure, daemon=True).start()
    example.end(code)
    return example


def connect(family, address):
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(address, PATIENCE)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def receive_all(connection):
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def udp_echo(build, scratch):
    example = serve(build, scratch, "udp_echo")
    for family, address in HOSTS:
        for client in range(4):
            with socket.socket(family, socket.SOCK_DGRAM) as s:
                s.settimeout(PATIENCE)
                s.connect((address, 7))
                for size in (0, 1, 100, 1400):
                    sent = os.urandom(size)
                    s.send(sent)
                    assert s.recv(2048) == sent, f"{size} bytes came back changed from {address}"
    example.end(by=signal.SIGTERM)
    assert re.search(rb"udp\.InDatagrams +16\n", example.out), example.out.decode()


def tcp_echo(build, scratch):
    example = serve(build, scratch, "tcp_echo", "7007")
    sent = os.urandom(1 << 20)
    connections = [connect(family, (address, 7007)) for family, address in HOSTS * 3]

    def send(connection):
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)

    senders = [threading.Thread(target=send, args=(c,)) for c in connections]
    for sender in senders:
        sender.start()
    for connection in connections:
        assert receive_all(connection) == sent, "1 MiB came back changed"
        connection.close()
    for sender in senders:
        sender.join()
    example.end(by=signal.SIGINT)


def tcp_client(build, scratch):
    text = b"From standard input, and back.\n" * 10000
    with socket.create_server(("0.0.0.0", 7000)) as listener:
        def answer():
            connection, _ = listener.accept()
            connection.sendall(receive_all(connection).swapcase())
            connection.close()

        server = threading.Thread(target=answer, daemon=True)
        server.start()
        client = run_client(build, scratch, "10.77.0.1:7000", text, 0)
        server.join(PATIENCE)
    assert client.out == text.swapcase(), f"{len(client.out)} bytes came back, of {len(text)}"
    refused = run_client(build, scratch, "10.77.0.1:7001", b"nobody listens", 1)
    assert b"Connection refused" in refused.err, refused.err.decode()


def embed_in_thread(build, scratch):
    example = serve(build, scratch, "embed_in_thread", "7000")
    clients = [connect(socket.AF_INET, ("10.77.0.2", 7000)) for _ in range(3)]
    for i, client in enumerate(clients):
        client.sendall(f"client {i} is here\n".encode())
    example.wait_for("what the clients said", lambda: example.out.count(b"is here") == 3)
    clients.pop().close()
    example.say(b"to everybody\n")
    for client in clients:
        assert client.recv(100) == b"to everybody\n"
    example.end()
    for client in clients:
        assert client.recv(100) == b"", "the connection should have ended with the program"


def wait_set(build, scratch):
    example = serve(build, scratch, "wait_set")
    streams = [connect(socket.AF_INET, ("10.77.0.2", 7000)) for _ in range(3)]
    for turn in range(3):
        for i, stream in enumerate(streams):
            sent = f"turn {turn} of stream {i}".encode()
            stream.sendall(sent)
            assert stream.recv(100) == sent
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(PATIENCE)
            s.connect(("10.77.0.2", 7))
            s.send(b"datagram")
            assert s.recv(100) == b"datagram"
    for stream in streams:
        stream.shutdown(socket.SHUT_WR)
        assert stream.recv(100) == b"", "the server should have closed"
    example.end()
    told = re.findall(rb"8 bytes from 10\.77\.0\.1:\d+ by lcore ([01]), stamped yes\n", example.out)
    assert len(told) == 3, example.out.decode()


def step_it_yourself(build, _):
    example = Example(f"{build}/examples/step_it_yourself")
    example.end()
    assert re.match(rb"10\.77\.0\.2 is at 02(:[0-9a-f]{2}){5}\nnothing is due after \d+ s\n$", example.out), example.out.decode()


def steering_modes(build, _):
    """F19: spread and cache match of each mode, as a table."""
    example = Example(f"{build}/examples/steering_modes")
    example.end()
    rows = {}
    for line in example.out.decode().splitlines()[1:]:
        *_, a, b, c, d, match = line.split()
        rows[line.split()[0]] = [int(n) for n in (a, b, c, d)], int(match.rstrip("%"))
    assert list(rows) == ["none", "RSS", "RPS", "RFS"], example.out.decode()
    total = 64 * 50
    for mode, (spread, match) in rows.items():
        assert sum(spread) == total, f"{mode} lost packets: {spread}"
        assert mode == "none" or min(spread) > total / 16, f"{mode} does not spread: {spread}"
        assert (match >= 95) == (mode == "RFS"), f"{mode}: {match}%"
    assert rows["none"][0] == [total, 0, 0, 0], rows["none"]


ALONE = ("step_it_yourself", "steering_modes")


def main():
    build, name = sys.argv[1:3]
    test = globals()[name]
    if name not in ALONE and len(sys.argv) == 3:
        able = subprocess.run([*UNSHARE, "test", "-w", "/dev/net/tun"], capture_output=True, text=True)
        if able.returncode:
            print(f"SKIP: a network namespace and a TAP device need root: {able.stderr.strip()}")
            sys.exit(77)
        os.execvp(UNSHARE[0], [*UNSHARE, sys.executable, *sys.argv, "inside"])
    if name not in ALONE:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory() as scratch:
        test(build, Path(scratch))


if __name__ == "__main__":
    main()
