#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""M5: iperf over lo says how many Gbit/s went, and where the time went: shares that are 100 percent, folded stacks of the
same time, and a flame graph that is well-formed XML with a box for each frame.     iperf_test.py BUILD"""

import json
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"
RUNS = [["-t", "0.6", "-i", "0.2"], ["-u", "-t", "0.6", "-i", "0.2"], ["-6", "-P", "3", "-t", "0.4", "-i", "0.2"]]


def output_of(program, arguments):
    ran = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    if ran.returncode:
        sys.exit(f"iperf {arguments} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def expect(truth, what):
    if not truth:
        sys.exit(f"not so: {what}")


def check_text(text):
    lines = re.findall(r"^\[  1\] +([\d.]+)-([\d.]+) +sec +[\d.]+ GBytes +([\d.]+) Gbits/sec(.*)$", text, re.MULTILINE)
    expect(len(lines) >= 3 and "receiver" in lines[-1][3], f"lines of intervals and one of the whole in\n{text}")
    expect(all(float(rate) > 0 for _, _, rate, _ in lines), f"something went through in each interval of\n{text}")
    expect(float(lines[-1][0]) == 0 and float(lines[-1][1]) >= float(lines[-2][1]), "the last line is of the whole time")
    shares = dict(re.findall(r"^(\w+) +([\d.]+)$", text, re.MULTILINE))
    told = shares.pop("sum")
    expect(told == "100.00" and round(sum(map(float, shares.values())), 2) == 100, f"the stages are 100 percent: {shares}")


def check_files(folded, svg):
    stacks = [line.rsplit(" ", 1) for line in folded.splitlines()]
    expect(any(frames == "lcore0;softirq;net_rx;proto" for frames, _ in stacks), f"the protocols took time:\n{folded}")
    root = xml.fromstring(svg)
    expect(root.tag == SVG + "svg", "the picture is an SVG")
    titles = [g.find(SVG + "title").text for g in root.iter(SVG + "g")]
    frames = {frame for stack, _ in stacks for frame in stack.split(";")}
    expect({title.split(":")[0] for title in titles} == frames | {"all"}, f"a box for each frame: {titles}")
    seconds = sum(int(ns) for _, ns in stacks) / 1e9
    expect(abs(float(re.search(r"all: ([\d.]+) s", titles[0])[1]) - seconds) < 1e-5, "the whole is the sum of the stacks")


def main():
    program = f"{sys.argv[1]}/apps/iperf/iperf"
    with tempfile.TemporaryDirectory() as folder:
        folded, svg = Path(folder) / "folded.txt", Path(folder) / "flame.svg"
        for arguments in RUNS:
            check_text(output_of(program, [*arguments, "--folded", folded, "--flame", svg]))
            check_files(folded.read_text(), svg.read_text())
    for arguments in RUNS:
        run = json.loads(output_of(program, [*arguments, "-J"]))
        expect(run["end"]["sum_received"]["bits_per_second"] > 0, f"something went through: {run['end']}")
        expect(sum(i["sum"]["bytes"] for i in run["intervals"]) == run["end"]["sum_received"]["bytes"], "the intervals make the whole")
        expect(round(sum(run["stages"].values()), 2) == 100, f"the stages are 100 percent: {run['stages']}")


if __name__ == "__main__":
    main()
