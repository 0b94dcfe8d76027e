# SPDX-License-Identifier: BSD-3-Clause
"""What the scripts that try Millrace over TAP share: namespaces of their own, the tools that they need, a program on its device."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
ADDRESSES = ["10.77.0.2", "fd00:77::2"]  # config/demo.yaml's
SKIPPED = 77


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def demo_config():
    """config/demo.yaml without its capture: TAP device mr0."""
    text = (ROOT / "config/demo.yaml").read_text()
    return text[: text.index("capture:")]


def configure_kernel(net=77):
    """The kernel's side of mr0 becomes the other host of the link."""
    run("ip", "address", "add", f"10.{net}.0.1/24", "dev", "mr0")
    run("ip", "address", "add", f"fd00:{net}::1/64", "dev", "mr0", "nodad")
    run("ip", "link", "set", "mr0", "up")


def start(build, scratch, text, program="examples/udp_echo", arguments=("7",)):
    """A program with that configuration, once it has said that it is ready."""
    config = scratch / "config.yaml"
    config.write_text(text)
    process = subprocess.Popen([f"{build}/{program}", str(config), *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n", f"{program} did not start"
    return process


def stop(process):
    """Ends it, and returns what it printed."""
    process.terminate()
    text = process.communicate(timeout=60)[0]
    assert process.returncode == 0, f"{process.args[0]} ended with {process.returncode}:\n{text}"
    return text


def counters(text):
    """Of what a program printed at its end: every counter that is not zero."""
    return {name: int(value) for name, value in re.findall(r"^(\S+) +(\d+)", text, re.MULTILINE)}


def enter(tools=()):
    """Returns in namespaces of this script's own; exits where they, or a TAP device, cannot be made, or a tool is missing."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        print(f"missing: {', '.join(missing)} (packages.txt has them)")
        sys.exit(SKIPPED)
    if os.environ.get("MILLRACE_INSIDE") == "1":
        return
    tried = subprocess.run([*UNSHARE, "ip", "tuntap", "add", "mr-try", "mode", "tap"], capture_output=True, text=True)
    if tried.returncode:
        print(f"no TAP device can be made here: {tried.stderr.strip()}")
        sys.exit(SKIPPED)
    sys.exit(subprocess.run([*UNSHARE, sys.executable, *sys.argv], env={**os.environ, "MILLRACE_INSIDE": "1"}).returncode)


def main(talk, tools=()):
    """Runs talk(build, scratch folder) there."""
    enter(tools)
    with tempfile.TemporaryDirectory() as scratch:
        talk(sys.argv[1], Path(scratch))
