# SPDX-License-Identifier: BSD-3-Clause
"""A guest of QEMU's in which one test program runs: Debian's cloud kernel, and a root made of busybox, the kernel's modules, the
program and the libraries that it wants. Called by run.py.

Nothing of it needs a right: the kernel's package is unpacked, not installed, and QEMU emulates the processor (of KVM it cannot be
known whether a nested one works).
"""

import gzip
import lzma
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/qemu"
HERE = Path(__file__).parent
# The drivers that DPDK may load, and what they want.
DPDK = ["bus_pci", "bus_vdev", "mempool_ring", "net_e1000", "net_virtio"]
MODULES = ["vfio-pci", "vfio_iommu_type1", "virtio_pci", "virtio_net", "af_packet"]


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def kernel():
    """The folder of Debian's kernel, which is brought from the mirror that apt knows, once."""
    folder = FOLDER / "kernel"
    if folder.is_dir():
        return folder
    shown = output("apt-cache", "depends", "linux-image-cloud-amd64")
    package = re.search(r"Depends: (linux-image-\S+)", shown)
    if not package:
        sys.exit("apt knows no linux-image-cloud-amd64: apt-get update, as root")
    unfinished = FOLDER / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    done = subprocess.run(["apt-get", "-qq", "download", package[1]], cwd=unfinished, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"apt-get download {package[1]}: {done.stderr.strip()}")
    (archive,) = unfinished.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", archive, unfinished], check=True)
    archive.unlink()
    return unfinished.rename(folder)


class Archive:
    """A cpio archive in the form that Linux reads as its first root (newc)."""

    def __init__(self):
        self.names = set()
        self.bytes = bytearray()

    def entry(self, name, mode, content=b""):
        if name in self.names:
            return
        parent = str(Path(name).parent)
        if parent != ".":
            self.entry(parent, 0o40755)
        self.names.add(name)
        head = [len(self.names), mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        self.padded(b"070701" + b"".join(b"%08X" % field for field in head) + name.encode() + b"\0")
        self.padded(content)

    def padded(self, data):
        self.bytes += data + b"\0" * (-len(data) % 4)

    def link(self, name, target):
        self.entry(name, 0o120777, target.encode())

    def program(self, name, content):
        self.entry(name, 0o100755, content)

    def copy(self, path):
        """A file at its own path, with all links on the way: EAL tells by them which libraries are one."""
        path = path.parent.resolve() / path.name
        if path.is_symlink():
            self.link(str(path)[1:], str(path.readlink()))
            self.copy(path.parent / path.readlink())
        else:
            self.program(str(path)[1:], path.read_bytes())

    def write(self, path):
        self.entry("TRAILER!!!", 0)
        path.write_bytes(gzip.compress(self.bytes, 1))


def libraries(*files):
    listing = output("ldd", *map(str, files))
    return {Path(found) for found in re.findall(r"^\s(?:.* => )?(/\S+) \(0x", listing, re.M)}


def modules(folder):
    """What MODULES are and depend on, in the order of loading; one that is not there is part of the kernel."""
    files = {file.name.split(".")[0].replace("-", "_"): file for file in folder.rglob("*.ko*")}
    order = {}

    def want(name):
        name = name.replace("-", "_")
        if name in order or name not in files:
            return
        data = files[name].read_bytes()
        data = lzma.decompress(data) if files[name].suffix == ".xz" else data
        depends = re.search(rb"\0depends=([^\0]*)\0", data)[1].decode()
        for other in filter(None, depends.split(",")):
            want(other)
        order[name] = data

    for name in MODULES:
        want(name)
    return order


def make_root(programs, path):
    """With the programs in its first folder, by their names."""
    root = Archive()
    for name in "dev", "proc", "sys", "tmp", "var/run", "usr/bin":
        root.entry(name, 0o40755)
    for name in "bin", "lib", "lib64":
        root.link(name, f"usr/{name}")
    root.copy(Path(shutil.which("busybox")))
    root.program("init", (HERE / "init.sh").read_bytes())
    for number, (name, data) in enumerate(modules(kernel()).items()):
        root.program(f"modules/{number:02}-{name}.ko", data)
    (plugins,) = Path("/usr/lib").glob("*/dpdk/pmds-*")
    drivers = [file for name in DPDK for file in plugins.glob(f"librte_{name}.so.*")]
    for file in [*libraries(*programs, *drivers), *drivers]:
        root.copy(file)
    for program in programs:
        root.program(program.name, program.read_bytes())
    root.write(path)


def command(root, parameters, devices):
    """QEMU over that root, with `parameters` in the environment of its init."""
    (image,) = (kernel() / "boot").glob("vmlinuz-*")
    # Linux takes a timer for broken that a busy host lets tick late.
    line = ["console=ttyS0", "quiet", "no_timer_check", "panic=-1", "intel_iommu=on", "ipv6.disable=1", "hugepages=160", *(f"{name}={value}" for name, value in parameters.items())]
    # Its own monitor is its second serial line: the guest pulls the cables. QEMU runs in FOLDER, as a socket's path has to be short.
    return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-M", "q35", "-accel", "tcg,thread=multi",
            "-cpu", "max", "-smp", "2", "-m", "768", "-kernel", image, "-initrd", root, "-append", " ".join(line),
            "-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-serial", "stdio",
            "-chardev", "socket,id=monitor,path=monitor,server=on,wait=off", "-mon", "chardev=monitor,mode=control",
            "-chardev", "socket,id=line,path=monitor", "-serial", "chardev:line",
            # Interrupts of a device that a user drives have to be remapped.
            "-device", "intel-iommu,intremap=on,aw-bits=48", *devices]
