# SPDX-License-Identifier: BSD-3-Clause
"""A burst of UDP datagrams to an echo server: each must come back as it was."""

import os
import socket
import time

WINDOW = 32  # datagrams under way


def run(address, port, count):
    """Returns the sorted round trip times, in microseconds. Raises when one is lost for good or comes back changed."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    pad = os.urandom(1024)
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect((address, port))
        sent_at, times, next_number = {}, [], 0
        while len(times) < count:
            while next_number < count and len(sent_at) < WINDOW:
                sent_at[next_number] = time.perf_counter()
                s.send(datagram(next_number, pad))
                next_number += 1
            echo = s.recv(2048)
            number = int.from_bytes(echo[:4], "big")
            if echo != datagram(number, pad) or number not in sent_at:
                raise RuntimeError(f"datagram {number} came back changed or twice")
            times.append((time.perf_counter() - sent_at.pop(number)) * 1e6)
    return sorted(times)


def datagram(number, pad):
    return number.to_bytes(4, "big") + pad[: 60 + number % 900]
