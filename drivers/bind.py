#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Says which network devices a machine has, who drives them, and what to type so that Millrace may. Changes nothing.

    bind.py [--sysfs DIR]     DIR: where sysfs is, /sys if it is not said

Called by `./dev bind`.
"""

import argparse
from pathlib import Path

# The drivers that have a profile of their own: drivers/virtio_net, drivers/igb, drivers/ena.
VIRTIO_NET = {"0x1000", "0x1041"}
IGB = {"0x10a7", "0x10a9", "0x10c9", "0x10d6", "0x10e6", "0x10e7", "0x10e8", "0x1518", "0x1526", "0x150a", "0x150d", "0x150e", "0x150f", "0x1510", "0x1511", "0x1516",
       "0x1521", "0x1522", "0x1523", "0x1524", "0x1533", "0x1534", "0x1535", "0x1536", "0x1537", "0x1538", "0x1539", "0x157b", "0x157c"}
ENA = {"0xec20", "0xec21", "0x0ec2", "0x1ec2"}
FOR_DPDK = {"vfio-pci", "uio_pci_generic", "igb_uio"}


def read(path, default=""):
    try:
        return path.read_text().strip()
    except OSError:
        return default


def kind(vendor, device):
    known = {("0x1af4", "virtio-net"): VIRTIO_NET, ("0x8086", "igb"): IGB, ("0x1d0f", "ENA"): ENA}
    return next((name for (of, name), ids in known.items() if vendor == of and device in ids), "")


class Device:
    def __init__(self, folder):
        self.address = folder.name
        self.vendor, self.device = read(folder / "vendor"), read(folder / "device")
        self.kind = kind(self.vendor, self.device)
        driver = folder / "driver"
        self.driver = driver.resolve().name if driver.is_symlink() else ""
        self.numa = read(folder / "numa_node", "-1")
        # A virtio device has its interfaces one level below.
        self.interfaces = {p.name: read(p / "operstate") for p in [*folder.glob("net/*"), *folder.glob("virtio*/net/*")]}
        self.has_iommu = (folder / "iommu_group").exists()

    def lines(self):
        who = self.driver or "no driver"
        yield f"{self.address}  {self.vendor[2:]}:{self.device[2:]}  {self.kind or 'any'}  driver {who}  NUMA node {self.numa if self.numa != '-1' else 'unknown'}"
        for name, state in self.interfaces.items():
            yield f"    is the kernel's {name} ({state}): who is logged in through it loses the connection when DPDK gets it"
        if self.driver in FOR_DPDK:
            yield f'    is ready: driver: ethdev, device: "{self.address}" in the configuration'
        else:
            yield f"    to give it to DPDK: dpdk-devbind.py --bind=vfio-pci {self.address}"
            yield f"    and back again:     dpdk-devbind.py --bind={self.driver or 'KERNEL_DRIVER'} {self.address}"
        if self.kind == "ENA" and self.driver == "vfio-pci":
            yield "    its low-latency queues want write-combining, which this kernel's vfio-pci may not give: igb_uio with wc_activate=1 does"


def devices(sysfs):
    folders = sorted((sysfs / "bus/pci/devices").glob("*"))
    return [Device(folder) for folder in folders if read(folder / "class").startswith("0x02")]


def before_the_first(sysfs, found):
    """What has to be true of the machine, whichever device it is."""
    if not (sysfs / "bus/pci/drivers/vfio-pci").exists():
        yield "vfio-pci is not loaded: modprobe vfio-pci"
    if not any(device.has_iommu for device in found):
        yield "there is no IOMMU, or it is off (intel_iommu=on or amd_iommu=on on the kernel's command line). Without one, and without its protection:"
        yield "    echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode"


def hugepages(sysfs):
    folder = sysfs / "kernel/mm/hugepages/hugepages-2048kB"
    total, free = read(folder / "nr_hugepages", "0"), read(folder / "free_hugepages", "0")
    yield f"hugepages of 2 MB: {total}, of them free: {free}"
    if int(free) < 512:
        yield "    a gigabyte of them, and hugepages: true in the configuration, make Millrace twice as fast:"
        yield "    echo 512 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
    nodes = sorted((sysfs / "devices/system/node").glob("node[0-9]*"))
    if len(nodes) > 1:
        yield f"    there are {len(nodes)} NUMA nodes: reserve them where the device is, and choose lcores there"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sysfs", type=Path, default=Path("/sys"))
    sysfs = parser.parse_args().sysfs
    found = devices(sysfs)
    if not found:
        print("there is no PCI network device here; Millrace runs on TAP, AF_PACKET, virtio-user and memory all the same")
    for device in found:
        print("\n".join(device.lines()))
    if any(device.driver not in FOR_DPDK for device in found):
        print("\n".join(before_the_first(sysfs, found)))
    print("\n".join(hugepages(sysfs)))


if __name__ == "__main__":
    main()
