#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# cables.sh QUEUES... -- COMMAND...
# Runs COMMAND with TAP devices dut0 and peer0, dut1 and peer1 and so on: each pair is a cable, that is a bridge which learns
# nothing, and QUEUES is of the device that is to be at dut. Called by run.py, as root in a network namespace of its own.
set -e
for of in all default; do echo 1 >/proc/sys/net/ipv6/conf/$of/disable_ipv6; done
number=0
while [ "$1" != -- ]; do
  ip link add "cable$number" mtu 9100 type bridge stp_state 0 mcast_snooping 0
  several=
  [ "$1" = 1 ] || several=multi_queue
  ip tuntap add "dut$number" mode tap vnet_hdr $several
  ip tuntap add "peer$number" mode tap vnet_hdr
  for end in dut peer; do
    ip link set "$end$number" mtu 9100 master "cable$number" up
    ip link set "$end$number" type bridge_slave learning off flood on
  done
  ip link set "cable$number" up
  number=$((number + 1))
  shift
done
shift
exec "$@"
