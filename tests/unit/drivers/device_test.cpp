// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/device.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <cerrno>
#include <rte_ethdev.h>
#include <rte_log.h>

using namespace millrace;
using ethdev::Device;
using ethdev::Options;

namespace {

bool exists(const char* name) {
  std::uint16_t id = 0;
  return rte_eth_dev_get_port_by_name(name, &id) == 0;
}

Options null_device(test::TestPool& pool) { return {.name = "net_null0", .args = "no-rx=1", .pools = {&*pool}}; }

}  // namespace

TEST_CASE("a device is made, settled and started, and gone with its object") {
  test::TestPool pool;
  {
    Options options = null_device(pool);
    options.rx_queues = 2;
    options.tx_queues = 3;
    Device device(options);
    REQUIRE(device.bring_up());
    CHECK(device.info().name == "net_null0");
    CHECK(device.info().driver == "net_null");
    CHECK(device.info().rx_queues == 2);
    CHECK(device.info().tx_queues == 3);
    CHECK(device.info().mtu == 1500);
    CHECK(exists("net_null0"));
  }
  CHECK_FALSE(exists("net_null0"));
}

TEST_CASE("a device that existed is stopped and left") {
  test::TestPool pool;
  Device owner(null_device(pool));
  REQUIRE(owner.bring_up());
  static_cast<void>(rte_eth_dev_stop(owner.port_id()));
  {
    Device guest(null_device(pool));
    REQUIRE(guest.bring_up());
    CHECK(guest.port_id() == owner.port_id());
  }
  CHECK(exists("net_null0"));
}

TEST_CASE("a PCI device that is not there is refused with what to do") {
  test::TestPool pool;
  Device device({.name = "0000:7f:1f.7", .pools = {&*pool}});
  const auto up = device.bring_up();
  REQUIRE_FALSE(up);
  CHECK(up.error().code == ENODEV);
  CHECK(up.error().message.find("dpdk-devbind.py --bind=vfio-pci 0000:7f:1f.7") != std::string::npos);
}

TEST_CASE("a virtual device that cannot be made is refused with what to do: no such driver, no backend, or what the driver says") {
  test::TestPool pool;
  const auto refusal = [&](const char* name, const char* args) {
    Device device({.name = name, .args = args, .pools = {&*pool}});
    const Result<void> up = device.bring_up();
    return up ? Error{} : up.error();
  };
  CHECK(refusal("net_nul0", "").code == ENODEV);
  CHECK(refusal("net_nul0", "").message == "port 'net_nul0': no driver of DPDK's has such a device; its name begins with the driver's: net_virtio_user0, net_af_packet0");
  const Error absent = refusal("net_virtio_user0", "path=/nowhere/at.all,queues=1");
  CHECK(absent.code == ENOENT);
  CHECK(absent.message.find("nobody listens on the socket /nowhere/at.all: start the backend first, or add server=1") != std::string::npos);
  const Error failed = refusal("net_virtio_user0", "queues=1");
  CHECK(failed.message.find("cannot make it with the arguments 'queues=1'") != std::string::npos);
  CHECK(failed.message.find("Operation not permitted") == std::string::npos);
}

TEST_CASE("E17: a device that merges nothing refuses lro with a remedy, and is gone; without lro it opens") {
  test::TestPool pool;
  Options options = null_device(pool);
  options.lro = true;
  const auto refused = Device(options).bring_up();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == EOPNOTSUPP);
  CHECK(refused.error().message.find("leave lro off") != std::string::npos);
  CHECK_FALSE(exists("net_null0"));
  options.lro = false;
  Device device(options);
  REQUIRE(device.bring_up());
  CHECK_FALSE(device.info().offloads.rx_lro);
}

TEST_CASE("offloads are what the device has and the options allow") {
  test::TestPool pool;
  for (const bool allowed : {true, false}) {
    Options options{.name = "net_ring7", .checksum_offload = allowed, .pools = {&*pool}};
    Device device(options);
    REQUIRE(device.bring_up());
    CHECK(device.info().offloads.tx_multi_segment);
    CHECK_FALSE(device.info().offloads.tx_tcp_checksum);
    CHECK_FALSE(device.info().offloads.rx_l4_checksum);
    CHECK_FALSE(device.info().offloads.rx_hash);
  }
}

TEST_CASE("impossible demands are refused with the value and the limit, and leave no device") {
  test::TestPool pool;
  Options queues = null_device(pool);
  queues.rx_queues = 5000;
  const auto too_many = Device(queues).bring_up();
  REQUIRE_FALSE(too_many);
  CHECK(too_many.error().message.find("5000 rx") != std::string::npos);

  // net_null cannot scatter, so a jumbo MTU needs large buffers.
  Options mtu = null_device(pool);
  mtu.mtu = 9000;
  const auto too_long = Device(mtu).bring_up();
  REQUIRE_FALSE(too_long);
  CHECK(too_long.error().message.find("data_room to 9022") != std::string::npos);

  Options no_pool = null_device(pool);
  no_pool.pools.clear();
  CHECK_FALSE(Device(no_pool).bring_up());
  CHECK_FALSE(exists("net_null0"));
}

TEST_CASE("DPDK's log level is what it was, whether opening worked or not") {
  test::TestPool pool;
  const std::uint32_t before = rte_log_get_global_level();
  REQUIRE(before == RTE_LOG_ERR);
  CHECK(Device(null_device(pool)).bring_up());
  CHECK_FALSE(Device({.name = "net_nonsense0", .pools = {&*pool}}).bring_up());
  CHECK(rte_log_get_global_level() == before);
}
