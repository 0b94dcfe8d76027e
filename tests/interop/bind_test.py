#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What `./dev bind` says of machines that are made of files."""

import subprocess
import sys
import tempfile
from pathlib import Path

BIND = Path(__file__).resolve().parents[2] / "drivers/bind.py"


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def add_device(sysfs, address, vendor, device, driver="", interface="", iommu=False, device_class="0x020000"):
    folder = sysfs / "bus/pci/devices" / address
    for name, text in {"vendor": vendor, "device": device, "class": device_class, "numa_node": "1"}.items():
        put(folder / name, text)
    if driver:
        (sysfs / "bus/pci/drivers" / driver).mkdir(parents=True, exist_ok=True)
        (folder / "driver").symlink_to(sysfs / "bus/pci/drivers" / driver)
    if interface:
        put(folder / "net" / interface / "operstate", "up")
    if iommu:
        (folder / "iommu_group").mkdir()


def said(sysfs):
    return subprocess.run([sys.executable, BIND, "--sysfs", sysfs], check=True, capture_output=True, text=True).stdout


def check(text, *wanted, unwanted=()):
    for part in wanted:
        assert part in text, f"{part!r} is not in:\n{text}"
    for part in unwanted:
        assert part not in text, f"{part!r} is in:\n{text}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        sysfs = Path(folder)
        check(said(sysfs), "there is no PCI network device here", "hugepages of 2 MB: 0", unwanted=("vfio-pci",))

        add_device(sysfs, "0000:01:00.0", "0x8086", "0x10c9", driver="igb", interface="eth0")
        add_device(sysfs, "0000:02:00.0", "0x8086", "0x1234", device_class="0x010000")
        check(said(sysfs), "0000:01:00.0  8086:10c9  igb  driver igb  NUMA node 1", "the kernel's eth0 (up)", "dpdk-devbind.py --bind=vfio-pci 0000:01:00.0",
              "dpdk-devbind.py --bind=igb 0000:01:00.0", "modprobe vfio-pci", "enable_unsafe_noiommu_mode", unwanted=("0000:02:00.0",))

        add_device(sysfs, "0000:03:00.0", "0x1d0f", "0xec20", driver="vfio-pci", iommu=True)
        add_device(sysfs, "0000:04:00.0", "0x1af4", "0x1041")
        put(sysfs / "kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "1024")
        put(sysfs / "kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "1000")
        check(said(sysfs), 'is ready: driver: ethdev, device: "0000:03:00.0"', "write-combining", "0000:04:00.0  1af4:1041  virtio-net  driver no driver",
              "hugepages of 2 MB: 1024, of them free: 1000", unwanted=("modprobe", "noiommu", "echo 512"))


if __name__ == "__main__":
    main()
