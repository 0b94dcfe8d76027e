#!/bin/busybox sh
# SPDX-License-Identifier: BSD-3-Clause
# The guest's first process: gives the devices under test to vfio-pci, the others to the kernel, and runs the test. Its verdict
# goes to the console and to QEMU's exit code (42 there is 85 outside), which nothing else gives.
export PATH=/usr/bin
/usr/bin/busybox --install -s /usr/bin
chmod 755 /
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for device in /sys/bus/pci/devices/0000:00:0[2468].0; do echo vfio-pci >"$device/driver_override"; done
for module in /modules/*; do insmod "$module" || echo "init: $module"; done
for nic in /sys/class/net/eth*; do
  echo 10000 >"$nic/tx_queue_len"
  ip link set "${nic##*/}" mtu 9100 promisc on up
done
stty -F /dev/ttyS1 raw -echo 115200
verdict=1
if timeout -s ABRT 150 /qemu_conformance; then
  echo "guest: passed"
  verdict=42
fi
/qemu_exit "$verdict"
poweroff -f
