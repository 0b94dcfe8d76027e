# SPDX-License-Identifier: BSD-3-Clause
"""The demo's scenario, inside the namespaces that run made: starts the server, drives it with the kernel's stack as the
client, checks every answer, prints the page. Exits with 1 when anything was not as it should be."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

import judge
import page
import udp_burst

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = Path("/mnt")  # a tmpfs of our own mount namespace: nobody else sees it, and it goes with us
ADDRESSES = {"IPv4": "10.77.0.2", "IPv6": "[fd00:77::2]"}
START = time.monotonic()


class Failed(Exception):
    pass


def say(text):
    print(f"[{time.monotonic() - START:5.1f}s] {text}", flush=True)


def expect(condition, what):
    if not condition:
        raise Failed(what)


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode:
        raise Failed(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def start_server(build):
    log = open(SCRATCH / "httpd.log", "w+")
    server = subprocess.Popen([f"{build}/apps/httpd/httpd", str(ROOT / "config/demo.yaml"), "--capture", str(SCRATCH / "demo.pcapng")],
                              stdout=log, stderr=log)
    for _ in range(300):
        log.seek(0)
        text = log.read()
        if "ready" in text:
            say(f"server is {text.strip()}")
            return server
        if server.poll() is not None:
            raise Failed(f"the server did not start: {text}")
        time.sleep(0.1)
    raise Failed("the server was not ready within 30 s")


def bring_up_link():
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", "10.77.0.1/24", "dev", "mr0")
    run("ip", "address", "add", "fd00:77::1/64", "dev", "mr0", "nodad")
    run("ip", "link", "set", "mr0", "up")


def ping(results):
    for version, address in ADDRESSES.items():
        out = run("ping", "-c", "20", "-i", "0.02", "-q", address.strip("[]"))
        expect(" 0% packet loss" in out, f"ping {address} lost packets:\n{out}")
        low, average, high = re.search(r"= ([\d.]+)/([\d.]+)/([\d.]+)/", out).groups()
        results["ping"][version] = (float(low), float(average), float(high))
    say("ping and ping6: 20 of 20 answered")


def http_manners():
    """What a client may ask and what it may not."""
    url = f"http://{ADDRESSES['IPv4']}"
    whole = subprocess.run(["curl", "-s", f"{url}/bytes/100000"], capture_output=True).stdout
    expect(b"\n" not in whole, "a line ends in /bytes: where a capture misses a response's header, tshark would read one from the body")
    part = subprocess.run(["curl", "-s", "-r", "1000-1999", f"{url}/bytes/100000"], capture_output=True).stdout
    expect(len(whole) == 100000 and part == whole[1000:2000], "a range is not the part of the whole that it names")
    head = run("curl", "-s", "-I", f"{url}/bytes/100000")
    expect("200 OK" in head and "Content-Length: 100000" in head, f"HEAD: {head}")
    twice = run("curl", "-s", "-v", f"{url}/", f"{url}/", "--stderr", "-")
    expect("Re-using existing" in twice, "the connection was not kept alive")
    for wanted, arguments in {"404": ["/nothing"], "405": ["-X", "DELETE", "/"], "416": ["-r", "200-", "/bytes/100"]}.items():
        *options, path = arguments
        got = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *options, url + path)
        expect(got == wanted, f"{arguments} was answered {got} instead of {wanted}")
    garbage = subprocess.run(["socat", "-t2", "-", f"TCP:{ADDRESSES['IPv4']}:80"], input=b"\x00\x01garbage\r\n\r\n", capture_output=True)
    expect(garbage.stdout.startswith(b"HTTP/1.1 400"), f"garbage was answered {garbage.stdout[:60]!r}")
    say("HTTP: ranges, HEAD, keep-alive; bad requests got 400, 404, 405, 416")


def transfer(results, size):
    file = SCRATCH / "file"
    for version, address in ADDRESSES.items():
        url = f"http://{address}"
        expected = run("curl", "-s", "-g", f"{url}/sha256/{size}").strip()
        speed = run("curl", "-s", "-g", "-o", str(file), "-w", "%{speed_download}", f"{url}/bytes/{size}")
        digest = run("sha256sum", str(file)).split()[0]
        expect(digest == expected, f"download over {version}: SHA-256 {digest}, the server says {expected}")
        results["download"][version] = float(speed) * 8 / 1e9
        say(f"curl downloaded {size / 2**30:.2f} GiB over {version}, {results['download'][version]:.2f} Gbit/s, hash matches")
        before = stats()
        answer = run("curl", "-s", "-g", "-T", str(file), "-w", " %{speed_upload}", f"{url}/sink")
        received, speed = answer.split()
        expect(received == digest, f"upload over {version}: the server hashed {received}, the file is {digest}")
        results["upload"][version] = float(speed) * 8 / 1e9
        results["upload_stats"][version] = (before, stats())
        say(f"curl uploaded {size / 2**30:.2f} GiB over {version}, {results['upload'][version]:.2f} Gbit/s, hash matches")
    file.unlink()


def load(results, seconds):
    for version, address in ADDRESSES.items():
        out = run("wrk", "-t1", "-c64", f"-d{seconds:g}s", "--latency", f"http://{address}/")
        expect("Socket errors" not in out and "Non-2xx" not in out, f"wrk over {version}:\n{out}")
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
        percentiles = re.findall(r"^\s+(50|75|90|99)%\s+([\d.]+\w+)", out, re.M)
        results["wrk"][version] = (rate, percentiles)
        say(f"wrk over {version}: {rate:,.0f} requests/s on 64 connections, 0 errors, 0 non-2xx")


def stats():
    import json
    return json.loads(run("curl", "-s", f"http://{ADDRESSES['IPv4']}/stats"))


def keep_capture():
    """Judges the capture and moves it to out/ in one step."""
    capture = SCRATCH / "demo.pcapng"
    frames = judge.check(capture, SCRATCH)
    size = capture.stat().st_size
    expect(size <= 64 << 20, f"the capture has {size} bytes")
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    shutil.copyfile(capture, out / ".demo.pcapng")
    os.replace(out / ".demo.pcapng", out / "demo.pcapng")
    say(f"tshark: {frames} frames in out/demo.pcapng ({size / 2**20:.1f} MiB), no bad checksum, nothing malformed; "
        "it does find the fault in a corrupted fixture")
    return frames


def main():
    size, seconds, build = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    run("mount", "-t", "tmpfs", "-o", f"size={size + (256 << 20)}", "tmpfs", str(SCRATCH))
    results = {name: {} for name in ("ping", "udp", "download", "upload", "upload_stats", "wrk")}
    server = start_server(build)
    try:
        bring_up_link()
        ping(results)
        for version, address in ADDRESSES.items():
            results["udp"][version] = udp_burst.run(address.strip("[]"), 7, 20000)
        say("UDP echo: 2 x 20,000 datagrams came back whole")
        http_manners()
        transfer(results, size)
        load(results, seconds)
        results["stats"] = stats()
    finally:
        server.terminate()
        code = server.wait()
    expect(code == 0, f"the server ended with {code}: {(SCRATCH / 'httpd.log').read_text()}")
    keep_capture()
    print(page.render(results))


if __name__ == "__main__":
    try:
        main()
    except (Failed, judge.Bad) as failure:
        sys.exit(f"demo: {failure}")
