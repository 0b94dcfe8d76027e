// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/config/good_config.hpp"

using namespace millrace;
using namespace millrace::config;

TEST_CASE("G10: VLANs: each impossible value is the one problem") {
  const Broken cases[] = {
      {"stray link", [](Config& c) { c.ports[1].link = "tap0"; }, "ports[1].link", "for driver vlan"},
      {"stray vlan", [](Config& c) { c.ports[1].vlan_id = 5; }, "ports[1].vlan_id", "for driver vlan"},
      {"vlan of nothing", [](Config& c) { c.ports.push_back({.name = "v", .driver = PortDriver::vlan, .link = "v", .vlan_id = 5}); }, "ports[2].link",
       "given before this one"},
      {"vlan's id", [](Config& c) { c.ports.push_back({.name = "v", .driver = PortDriver::vlan, .link = "sim0", .vlan_id = 4095}); }, "ports[2].vlan_id", "1..4094"},
      {"vlan's mtu", [](Config& c) { c.ports.push_back({.name = "v", .driver = PortDriver::vlan, .link = "sim0", .vlan_id = 5, .mtu = 9000}); }, "ports[2].mtu",
       "at most that of 'sim0'"},
      {"vlan's queue", [](Config& c) { c.ports.push_back({.name = "v", .driver = PortDriver::vlan, .link = "sim0", .vlan_id = 5, .rps_flow_cnt = 5}); }, "ports[2]",
       "set the rest at 'sim0'"},
      {"vlan twice",
       [](Config& c) {
         c.ports.push_back({.name = "v", .driver = PortDriver::vlan, .link = "sim0", .vlan_id = 5});
         c.ports.push_back({.name = "w", .driver = PortDriver::vlan, .link = "sim0", .vlan_id = 5});
       },
       "ports[3].vlan_id", "ports[2].vlan_id already"},
  };
  for (const Broken& broken : cases) check(broken);
}

TEST_CASE("ports: each impossible value is the one problem") {
  const Broken cases[] = {
      {"no name", [](Config& c) { c.ports.emplace_back(); }, "ports[2].name", "1..15"},
      {"slash", [](Config& c) { c.ports.push_back({.name = "a/b"}); }, "ports[2].name", "letters"},
      {"name twice", [](Config& c) { c.ports.push_back({.name = "sim0"}); }, "ports[2].name", "ports[1].name already"},
      {"mtu", [](Config& c) { c.ports[1].mtu = 67; }, "ports[1].mtu", "68..9600"},
      {"jumbo", [](Config& c) { c.ports[1].mtu = 9601; }, "ports[1].mtu", "68..9600"},
      {"gso size", [](Config& c) { c.ports[1].gso_max_size = 65537; }, "ports[1].gso_max_size", "9600..65536"},
      {"gso segments", [](Config& c) { c.ports[1].gso_max_segs = 0; }, "ports[1].gso_max_segs", "1..65535"},
      {"no queue", [](Config& c) { c.ports[1].tx_queues = 0; }, "ports[1].tx_queues", "1..128"},
      {"descriptors", [](Config& c) { c.ports[1].rx_desc = 300; }, "ports[1].rx_desc", "power of two in 32..32768"},
      {"few", [](Config& c) { c.ports[1].tx_desc = 16; }, "ports[1].tx_desc", "power of two"},
      {"none", [](Config& c) { c.ports[1].tx_desc = 0; }, "ports[1].tx_desc", "power of two"},
      {"tap queues", [](Config& c) { c.ports[0].rx_queues = 2; }, "ports[0].tx_queues",
       "must equal rx_queues, which is 2"},
      {"many tap queues", [](Config& c) { c.ports[0].rx_queues = c.ports[0].tx_queues = 17; }, "ports[0].rx_queues",
       "at most 16"},
      {"many sim queues",
       [](Config& c) {
         c.ports[1].rx_queues = 17;
         c.ports[1].rx_lcores.clear();
       },
       "ports[1].rx_queues", "at most 16 with driver sim"},
      {"long iface", [](Config& c) { c.ports[0].iface = "abcdefghijklmnop"; }, "ports[0].iface", "1..15"},
      {"no iface", [](Config& c) { c.ports[0].iface.clear(); }, "ports[0].iface", "1..15"},
      {"stray iface", [](Config& c) { c.ports[1].iface = "mr1"; }, "ports[1].iface", "for driver tap, not sim"},
      {"stray device", [](Config& c) { c.ports[0].device = "net_ring0"; }, "ports[0].device",
       "for drivers vdev and ethdev, not tap"},
      {"no device", [](Config& c) { c.ports[1].driver = PortDriver::vdev; }, "ports[1].device", "driver vdev needs"},
      {"bql", [](Config& c) { c.ports[1].bql_limit_max = 1879048193; }, "ports[1].bql_limit_max", "0..1879048192"},
      {"bql order", [](Config& c) { c.ports[1].bql_limit_max = 3000, c.ports[1].bql_limit_min = 3001; }, "ports[1].bql_limit_min", "bql_limit_max"},
      {"bql hold", [](Config& c) { c.ports[1].bql_hold_time = 3600001; }, "ports[1].bql_hold_time", "0..3600000"},
      {"txqueuelen", [](Config& c) { c.ports[1].txqueuelen = 0; }, "ports[1].txqueuelen", "1..1048576"},
      {"multicast mac", [](Config& c) { c.ports[0].mac = MacAddress::parse("01:00:5e:00:00:01"); }, "ports[0].mac",
       "multicast"},
      {"zero mac", [](Config& c) { c.ports[0].mac = MacAddress{}; }, "ports[0].mac", "zero"},
      {"mac twice", [](Config& c) { c.ports[1].mac = c.ports[0].mac; }, "ports[1].mac", "ports[0].mac already"},
      {"rfs", [](Config& c) { c.ports[0].rps_flow_cnt = (1 << 20) + 1; }, "ports[0].rps_flow_cnt", "0..1048576"},
      {"rules for one queue", [](Config& c) { c.ports[0].ntuple = true; }, "ports[0].ntuple", "there is one; raise rx_queues"},
      {"rps", [](Config& c) { c.ports[0].rps_cpus = LcoreMask(4); }, "ports[0].rps_cpus", "absent lcores; there are 2"},
      {"queue map", [](Config& c) { c.ports[1].rx_lcores = {0}; }, "ports[1].rx_lcores", "each of the 2 rx_queues"},
      {"queue's lcore",
       [](Config& c) {
         c.ports[1].rx_lcores = {0, 2};
       },
       "ports[1].rx_lcores[1]", "no lcore; there are 2"},
      {"interrupts of a sim port", [](Config& c) { c.ports[1].rx_mode = RxMode::interrupt; }, "ports[1].rx_mode", "adaptive or poll"},
      {"hold-off", [](Config& c) { c.ports[0].coalesce.rx_usecs = 50; }, "ports[0].coalesce", "rx_mode interrupt alone"},
      {"frames without time",
       [](Config& c) {
         c.ports[0].rx_mode = RxMode::interrupt;
         c.ports[0].coalesce.rx_frames = 32;
       },
       "ports[0].coalesce.rx_frames", "has to begin"},
      {"deferral", [](Config& c) { c.ports[0].napi_defer_hard_irqs = 2; }, "ports[0].napi_defer_hard_irqs", "gro_flush_timeout_ns"},
      {"long timeout", [](Config& c) { c.ports[0].gro_flush_timeout_ns = 1'000'000'001; }, "ports[0].gro_flush_timeout_ns", "1000000000"},
      {"device twice",
       [](Config& c) {
         c.ports.push_back({.name = "r1", .driver = PortDriver::vdev, .device = "net_ring0"});
         c.ports.push_back({.name = "r2", .driver = PortDriver::vdev, .device = "net_ring0,nodeaction=x"});
       },
       "ports[3].device", "ports[2].device already"},
  };
  for (const Broken& broken : cases) check(broken);
}

TEST_CASE("F1, F2, F10, F23: an RSS or a map of tx queues that cannot be is the one problem") {
  const Broken cases[] = {
      {"F23: one tx queue without hand-over", [](Config& c) { c.ports[1].tx_handoff = false; c.ports[1].tx_queues = 1; }, "ports[1].tx_handoff",
       "a tx queue for each of the 2 lcores, and tx_queues is 1"},
      {"F23: a shared tx queue without hand-over",
       [](Config& c) {
         c.ports[1].tx_handoff = false;
         c.ports[1].tx_queues = 1;
         c.ports[1].xps_cpus = {LcoreMask(3)};
       },
       "ports[1].xps_cpus[0]", "tx_handoff false forbids"},
      {"F10: masks for other queues", [](Config& c) { c.ports[1].tx_queues = 2; c.ports[1].xps_cpus = {LcoreMask(3)}; }, "ports[1].xps_cpus", "each of the 2 tx_queues"},
      {"F10: an lcore twice", [](Config& c) { c.ports[1].tx_queues = 2; c.ports[1].xps_cpus = {LcoreMask(3), LcoreMask(1)}; }, "ports[1].xps_cpus[1]", "an earlier mask"},
      {"F10: an absent lcore", [](Config& c) { c.ports[1].tx_queues = 1; c.ports[1].xps_cpus = {LcoreMask(7)}; }, "ports[1].xps_cpus[0]", "there are 2 lcores"},
      {"F10: an lcore without a queue", [](Config& c) { c.ports[1].tx_queues = 1; c.ports[1].xps_cpus = {LcoreMask(1)}; }, "ports[1].xps_cpus", "give each lcore"},
      {"short key", [](Config& c) { c.ports[1].rss.key.resize(16); }, "ports[1].rss.key", "40 or 52"},
      {"two keys",
       [](Config& c) {
         c.ports[1].rss.key.resize(40);
         c.ports[1].rss.symmetric = true;
       },
       "ports[1].rss.key", "either bytes or symmetric"},
      {"equal shares of too many", [](Config& c) { c.ports[1].rss.equal = 3; }, "ports[1].rss.equal", "1..2"},
      {"two distributions",
       [](Config& c) {
         c.ports[1].rss.equal = 2;
         c.ports[1].rss.weights = {1, 1};
       },
       "ports[1].rss.equal", "choose one"},
      {"more weights than queues", [](Config& c) { c.ports[1].rss.weights = {1, 1, 1}; }, "ports[1].rss.weights", "there are 2 rx_queues"},
      {"weights of nothing", [](Config& c) { c.ports[1].rss.weights = {0, 0}; }, "ports[1].rss.weights", "a share"},
      {"a heavy weight", [](Config& c) { c.ports[1].rss.weights = {65536}; }, "ports[1].rss.weights[0]", "0..65535"},
  };
  for (const Broken& broken : cases) check(broken);
}
