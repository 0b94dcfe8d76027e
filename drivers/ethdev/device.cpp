// SPDX-License-Identifier: BSD-3-Clause
// Control path of an ethdev: attach, negotiate, configure, start, and all of it backwards. Called by ethdev::open;
// calls rte_ethdev and, for TAP devices, tap.hpp.
#include "drivers/ethdev/device.hpp"

#include "drivers/ethdev/device_args.hpp"
#include "drivers/ethdev/filters.hpp"
#include "drivers/ethdev/profile.hpp"
#include "drivers/ethdev/quiet_log.hpp"
#include "drivers/ethdev/tap.hpp"
#include "drivers/ethdev/vhost_socket.hpp"

#include <millrace/base/blocked_signal.hpp>
#include <millrace/pkt/rx_stamp.hpp>

#include <rte_alarm.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <optional>

namespace millrace::ethdev {
namespace {

// Ethernet header, frame check sequence and one VLAN tag.
constexpr std::uint32_t framing = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN + RTE_VLAN_HLEN;

rte_mempool* rte(pkt::Pool* pool) { return static_cast<rte_mempool*>(pool->handle()); }

/// Has EAL's interrupt thread do something, when it is in no handler.
void between_interrupts(const std::function<void()>& what) {
  struct Order {
    const std::function<void()>& what;
    std::promise<void> done;
  } order{what, {}};
  const auto carry_out = [](void* raw) {
    auto& given = *static_cast<Order*>(raw);
    given.what();
    given.done.set_value();
  };
  if (rte_eal_alarm_set(1, carry_out, &order) != 0) return what();
  order.done.get_future().wait();
}

}  // namespace

tl::unexpected<Error> Device::refused(const char* step, int code) const {
  const int error = code == 0 ? EIO : std::abs(code);
  return failure(error, "port '" + options_.name + "' (" + info_.driver + "): " + step + ": " + std::strerror(error));
}

Result<void> Device::bring_up() {
  if (options_.pools.empty()) return failure(EINVAL, "port '" + options_.name + "': no packet pool for its rx queues");
  if (options_.rx_queues == 0 || options_.tx_queues == 0)
    return failure(EINVAL, "port '" + options_.name + "': needs at least one rx and one tx queue");
  std::optional<WithoutTapSignal> without_signal;
  if (is_tap(options_.name)) without_signal.emplace();
  const BlockedSignal of_a_backend_gone(SIGPIPE);  // vhost_user_write() of net_virtio_user
  const QuietLog quiet;
  using Step = Result<void> (Device::*)();
  for (const Step step : {&Device::attach, &Device::negotiate, &Device::configure, &Device::set_up_queues,
                          &Device::set_mtu, &Device::start, &Device::set_mac, &Device::find_interrupts}) {
    if (auto done = (this->*step)(); !done) return done;
  }
  return {};
}

// EAL says of most failures of a virtual device's driver that it failed, in its log.
Result<void> Device::probe() const {
  if (auto usable = check_vhost_socket(options_.name, options_.args); !usable) return usable;
  const std::string spec = options_.name + (options_.args.empty() ? "" : "," + options_.args);
  const int code = rte_dev_probe(spec.c_str());
  if (code == 0) return {};
  free_left_behind();
  const std::string port = "port '" + options_.name + "': ";
  if (is_pci_address(options_.name))
    return failure(ENODEV, port + "there is no such PCI device, or none that DPDK may drive: `dpdk-devbind.py --status` lists them; one that "
                                  "a kernel driver has is freed by `dpdk-devbind.py --bind=vfio-pci " + options_.name + "`");
  if (code == -EFAULT) return failure(ENODEV, port + "no driver of DPDK's has such a device; its name begins with the driver's: net_virtio_user0, net_af_packet0");
  const std::string cause = code == -1 ? "its driver fails" : std::strerror(std::abs(code));
  return failure(code == -1 ? EIO : std::abs(code), port + "DPDK cannot make it with the arguments '" + options_.args + "': " + cause +
                                                       "; check the driver's name and its arguments; eal.log_level info makes DPDK say more");
}

std::uint32_t Device::buffer_bytes() const {
  std::uint32_t least = UINT16_MAX;
  for (pkt::Pool* pool : options_.pools) least = std::min<std::uint32_t>(least, rte_pktmbuf_data_room_size(rte(pool)));
  return least;
}

Result<void> Device::attach() {
  if (rte_eth_dev_get_port_by_name(options_.name.c_str(), &port_id_) != 0) {
    if (is_tap(options_.name))
      if (auto possible = check_tap(options_.name, options_.args); !possible) return possible;
    if (auto made = probe(); !made) return made;
    made_here_ = true;
    if (rte_eth_dev_get_port_by_name(options_.name.c_str(), &port_id_) != 0)
      return failure(ENODEV, "port '" + options_.name + "': the device was made but has no ethdev");
  }
  attached_ = true;
  if (is_pci_address(options_.name)) bars_ = bars_of(port_id_, options_.name);
  return {};
}

// What the device does of what it was asked for.
void Device::fill(port::Offloads& offloads, const rte_eth_dev_info& device, const Profile& profile) const {
  constexpr std::uint64_t both_l4 = RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
  offloads.rx_l4_checksum = (rx_offloads_ & both_l4) == both_l4;
  offloads.tx_tcp_checksum = (tx_offloads_ & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0;
  offloads.tx_udp_checksum = (tx_offloads_ & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0;
  offloads.tx_multi_segment = (tx_offloads_ & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
  offloads.tx_segmentation.tcp = (tx_offloads_ & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0;
  offloads.tx_segmentation.v4_only = profile.cuts_v4_only;
  offloads.tx_segmentation.ip_checksum = (tx_offloads_ & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0;
  if (device.tx_desc_lim.nb_mtu_seg_max != 0) offloads.tx_max_buffers = device.tx_desc_lim.nb_mtu_seg_max;
  offloads.tx_segmentation.max_buffers = device.tx_desc_lim.nb_seg_max;
  if (profile.most_tx_buffers == 0) return;
  offloads.tx_max_buffers = std::min(offloads.tx_max_buffers, profile.most_tx_buffers);
  offloads.tx_segmentation.max_buffers = std::min(offloads.tx_segmentation.max_buffers, profile.most_tx_buffers);
}

void Device::mind_packed_rings(rte_eth_dev_info& device, const Profile& profile) {
  // Of virtio's only a packed one may be longer than 32768.
  if (device.tx_desc_lim.nb_max != UINT16_MAX) return;
  frees_received_ = profile.frees_received;
  if (!profile.spoils_packed_chains) return;
  device.tx_offload_capa &= ~std::uint64_t{RTE_ETH_TX_OFFLOAD_MULTI_SEGS};
  device.rx_offload_capa &= ~std::uint64_t{RTE_ETH_RX_OFFLOAD_SCATTER};
}

/// Settles queues, rings and offloads between what is asked and what the device has.
Result<void> Device::negotiate() {
  rte_eth_dev_info device{};
  if (const int code = rte_eth_dev_info_get(port_id_, &device); code != 0) return refused("device info", code);
  const Profile& profile = profile_of(device.driver_name);
  mind_packed_rings(device, profile);
  info_.name = options_.name;
  info_.driver = device.driver_name;
  info_.mtu = options_.mtu;
  info_.numa_node = rte_eth_dev_socket_id(port_id_);
  info_.rx_queues = options_.rx_queues;
  info_.tx_queues = options_.tx_queues;
  if (profile.equal_queues) info_.rx_queues = info_.tx_queues = std::max(options_.rx_queues, options_.tx_queues);
  if (profile.needs_all_rx_queues) info_.rx_queues = std::max(info_.rx_queues, device.max_rx_queues);
  if (info_.rx_queues > device.max_rx_queues || info_.tx_queues > device.max_tx_queues)
    return failure(EINVAL, "port '" + options_.name + "': " + std::to_string(info_.rx_queues) + " rx and " +
                               std::to_string(info_.tx_queues) + " tx queues asked, the device has " +
                               std::to_string(device.max_rx_queues) + " and " + std::to_string(device.max_tx_queues));

  const std::uint32_t room = buffer_bytes() - pkt::headroom;
  if (room < profile.least_rx_buffer)
    return failure(EINVAL, "port '" + options_.name + "' (" + info_.driver + "): buffers of " + std::to_string(room) + " bytes are too small for an rx queue; raise the pool's data_room to " +
                               std::to_string(profile.least_rx_buffer));
  const bool scatter = options_.mtu + framing > room;
  const bool announced = (device.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0;
  if (scatter && !announced && !profile.scatters_unasked)
    return failure(EINVAL, "port '" + options_.name + "': mtu " + std::to_string(options_.mtu) +
                               " does not fit buffers of " + std::to_string(room) +
                               " bytes, and the device cannot scatter; raise the pool's data_room to " +
                               std::to_string(options_.mtu + framing));
  if (scatter && announced) rx_offloads_ |= RTE_ETH_RX_OFFLOAD_SCATTER;
  tx_offloads_ |= device.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  if (options_.checksum_offload && !profile.software_checksums) {
    rx_offloads_ |= device.rx_offload_capa & RTE_ETH_RX_OFFLOAD_CHECKSUM;
    tx_offloads_ |= device.tx_offload_capa & (RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM);
  }
  // Its segments need their checksums, and a chain to be cut from.
  constexpr std::uint64_t needed_by_tso = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  if (options_.tso && (tx_offloads_ & needed_by_tso) == needed_by_tso)
    tx_offloads_ |= device.tx_offload_capa & (RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
  if (options_.lro)
    if (auto possible = negotiate_lro(device.rx_offload_capa, device.max_lro_pkt_size); !possible) return possible;
  if (options_.rx_timestamp)
    if (auto possible = negotiate_stamps(device.rx_offload_capa); !possible) return possible;
  const bool hashes = (device.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0;
  if (hashes || info_.rx_queues > 1)
    rss_types_ = device.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
  if (hashes && rss_types_ != 0) rx_offloads_ |= RTE_ETH_RX_OFFLOAD_RSS_HASH;

  fill(info_.offloads, device, profile);
  info_.offloads.rx_hash = (rx_offloads_ & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0;

  wants_interrupts_ = options_.interrupts != Options::Interrupts::off;
  // In a ring that is shorter than the device's, a place that is filled again is not the one that was emptied.
  rx_ring_ = frees_received_ ? device.rx_desc_lim.nb_max : options_.rx_ring;
  tx_ring_ = options_.tx_ring;
  // A TAP queue keeps as many buffers as descriptors to read one single frame into, and passes all to each readv.
  if (profile.ring_holds_one_frame) rx_ring_ = static_cast<std::uint16_t>((options_.mtu + framing + room - 1) / room);
  configured_mtu_ = options_.mtu;
  if (options_.mtu + framing - RTE_VLAN_HLEN > device.max_rx_pktlen || options_.mtu > device.max_mtu) {
    if (!is_tap(options_.name))
      return failure(EINVAL, "port '" + options_.name + "': mtu " + std::to_string(options_.mtu) +
                                 ": the device's longest frame is " + std::to_string(device.max_rx_pktlen) + " bytes");
    configured_mtu_ = RTE_ETHER_MTU;
  }
  return {};
}

Result<void> Device::negotiate_stamps(std::uint64_t rx_offload_capa) {
  if ((rx_offload_capa & RTE_ETH_RX_OFFLOAD_TIMESTAMP) == 0)
    return failure(EOPNOTSUPP, "port '" + options_.name + "' (" + info_.driver +
                                   "): the device does not stamp what it receives; leave rx_timestamp out, and use the stamps of our clock");
  rx_offloads_ |= RTE_ETH_RX_OFFLOAD_TIMESTAMP;
  info_.offloads.rx_timestamp = true;
  return pkt::register_rx_stamps();
}

// Linux's ethtool -K lro on is refused by a device without it, too.
Result<void> Device::negotiate_lro(std::uint64_t rx_offload_capa, std::uint32_t max_lro_bytes) {
  if ((rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_LRO) == 0)
    return failure(EOPNOTSUPP, "port '" + options_.name + "' (" + info_.driver + "): lro: the device merges no received segments; leave lro off, gro merges them here");
  rx_offloads_ |= RTE_ETH_RX_OFFLOAD_TCP_LRO | (rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER);
  max_lro_bytes_ = max_lro_bytes;
  info_.offloads.rx_lro = true;
  return {};
}

Result<void> Device::configure() {
  rte_eth_conf conf{};
  conf.rxmode.mtu = configured_mtu_;
  conf.rxmode.offloads = rx_offloads_;
  conf.rxmode.max_lro_pkt_size = max_lro_bytes_;
  conf.txmode.offloads = tx_offloads_;
  conf.intr_conf.rxq = wants_interrupts_ ? 1 : 0;
  conf.intr_conf.lsc = profile_of(info_.driver).link_by_interrupt ? 1 : 0;
  if (rss_types_ != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = rss_types_;
  }
  if (const int code = rte_eth_dev_configure(port_id_, info_.rx_queues, info_.tx_queues, &conf); code != 0)
    return refused("configure", code);
  if (const int code = rte_eth_dev_adjust_nb_rx_tx_desc(port_id_, &rx_ring_, &tx_ring_); code != 0)
    return refused("ring sizes", code);
  // A chain that the ring can never take whole would block it for ever.
  auto& most = info_.offloads.tx_segmentation.max_buffers;
  most = std::min<std::uint16_t>(most, static_cast<std::uint16_t>(tx_ring_ / 2));
  return {};
}

Result<void> Device::set_up_queues() {
  has_queues_ = true;
  const auto node = static_cast<unsigned>(info_.numa_node);
  for (std::uint16_t q = 0; q < info_.rx_queues; ++q) {
    rte_mempool* const pool = rte(options_.pools[q % options_.pools.size()]);
    if (const int code = rte_eth_rx_queue_setup(port_id_, q, rx_ring_, node, nullptr, pool); code != 0)
      return refused(code == -ENOMEM ? "rx queue (raise eal.memory_mb or the pool's packets)" : "rx queue", code);
  }
  for (std::uint16_t q = 0; q < info_.tx_queues; ++q)
    if (const int code = set_up_tx_queue(q); code != 0) return refused("tx queue", code);
  return {};
}

int Device::set_up_tx_queue(std::uint16_t queue) const {
  const auto node = static_cast<unsigned>(info_.numa_node);
  const std::uint16_t kept = profile_of(info_.driver).sent_kept;
  rte_eth_dev_info device{};
  if (const int code = rte_eth_dev_info_get(port_id_, &device); code != 0) return code;
  rte_eth_txconf conf = device.default_txconf;
  // It takes sent buffers back when fewer descriptors than that are free. Whether it may be so many it knows only now.
  if (kept != 0 && kept < tx_ring_) {
    conf.tx_free_thresh = static_cast<std::uint16_t>(tx_ring_ - kept);
    if (rte_eth_tx_queue_setup(port_id_, queue, tx_ring_, node, &conf) == 0) return 0;
  }
  return rte_eth_tx_queue_setup(port_id_, queue, tx_ring_, node, nullptr);
}

Result<void> Device::set_mtu() {
  // A device that knows no MTU (net_ring, vhost) carries whatever it is given.
  if (configured_mtu_ == options_.mtu) {
    const int code = rte_eth_dev_set_mtu(port_id_, options_.mtu);
    if (code != 0 && code != -ENOTSUP) return refused("set mtu", code);
  }
  return {};
}

Result<void> Device::start() {
  int result = rte_eth_dev_start(port_id_);
  if (result != 0 && wants_interrupts_ && options_.interrupts == Options::Interrupts::if_possible) {
    // Some devices cannot start with rx interrupts (igb on UIO): then without.
    wants_interrupts_ = false;
    for (const auto step : {&Device::configure, &Device::set_up_queues, &Device::set_mtu})
      if (auto done = (this->*step)(); !done) return done;
    result = rte_eth_dev_start(port_id_);
  }
  if (result != 0) return refused("start", result);
  started_ = true;
  // Only now has DPDK published the queues, which is where the TAP driver keeps what it checks a frame against.
  if (configured_mtu_ != options_.mtu)
    if (auto done = set_tap_mtu(port_id_, options_.mtu); !done) return done;
  if (const int code = open_filters(port_id_, profile_of(info_.driver)); code != 0) return refused("vlan filter", code);
  rte_ether_addr mac{};
  if (const int code = rte_eth_macaddr_get(port_id_, &mac); code != 0) return refused("mac address", code);
  std::copy_n(mac.addr_bytes, info_.mac.bytes.size(), info_.mac.bytes.begin());
  if (profile_of(info_.driver).announces_peer_mac) {
    // Two hosts on a cable need two addresses: a locally administered one next to the kernel's is ours.
    info_.mac.bytes[0] |= 2;
    info_.mac.bytes[5] ^= 1;
  }
  return {};
}

Result<void> Device::find_interrupts() {
  event_fds_.assign(info_.rx_queues, -1);
  if (!wants_interrupts_) return {};
  for (std::uint16_t q = 0; q < info_.rx_queues; ++q) {
    event_fds_[q] = rte_eth_dev_rx_intr_ctl_q_get_fd(port_id_, q);
    if (event_fds_[q] < 0 && options_.interrupts == Options::Interrupts::needed)
      return failure(ENOTSUP, "port '" + options_.name + "' (" + info_.driver + "): rx queue " + std::to_string(q) +
                                  " has no interrupt; choose rx_mode adaptive or poll");
  }
  const bool has_all = std::find(event_fds_.begin(), event_fds_.end(), -1) == event_fds_.end();
  if (has_all) info_.interrupts = is_pci_address(options_.name) ? interrupts_of(port_id_, options_.name) : "fd";
  return {};
}

Result<void> Device::set_mac() {
  if (!options_.mac) return {};
  if (options_.mac->is_multicast() || *options_.mac == MacAddress{})
    return failure(EINVAL, "port '" + options_.name + "': mac " + options_.mac->to_string() + " is no host's address: the lowest bit of its first byte must be 0, and not all may be");
  if (take_mac(*options_.mac)) return {};
  return failure(EOPNOTSUPP, "port '" + options_.name + "' (" + info_.driver + "): mac " + options_.mac->to_string() + ": the device keeps its own, " + info_.mac.to_string() +
                                 "; leave mac out, or give it among the device's arguments, where it has one for that");
}

bool Device::take_mac(const MacAddress& mac) {
  if (mac == info_.mac) return true;
  // What filters nothing need not know of it; a TAP device would give it to the kernel's end.
  if (profile_of(info_.driver).filters_nothing) {
    info_.mac = mac;
    return true;
  }
  rte_ether_addr wanted{};
  std::copy(mac.bytes.begin(), mac.bytes.end(), wanted.addr_bytes);
  if (rte_eth_dev_default_mac_addr_set(port_id_, &wanted) != 0) return false;
  info_.mac = mac;
  return true;
}

bool Device::is_mute() const {
  if (!is_pci_address(options_.name)) return false;
  if (!answers(options_.name)) return true;
  const auto reg = profile_of(info_.driver).live_register;
  if (!reg || bars_.empty() || bars_[0].begin == nullptr) return false;
  return *reinterpret_cast<const volatile std::uint32_t*>(static_cast<const char*>(bars_[0].begin) + *reg) == UINT32_MAX;
}

Device::~Device() {
  if (!attached_) return;
  const BlockedSignal of_a_backend_gone(SIGPIPE);
  profile_of(info_.driver).stops_under_handler ? between_interrupts([this] { end(); }) : end();
}

// A driver fills a ring whenever it is asked for frames.
void Device::fill_rx_rings() const {
  for (std::uint16_t q = 0; q < info_.rx_queues; ++q) {
    std::array<rte_mbuf*, 32> waiting;
    rte_pktmbuf_free_bulk(waiting.data(), rte_eth_rx_burst(port_id_, q, waiting.data(), waiting.size()));
  }
}

// When its server has gone, librte_vhost's event thread says so first, and then lists the socket for another thread to connect again
// (vhost_user_read_cb()). rte_vhost_driver_unregister() frees the socket, and where it has looked through the list already, that thread
// uses what is freed (22.11, 24.11).
void Device::let_vhost_settle() const {
  const bool connects_again = options_.name.starts_with("net_vhost") && argument(options_.args, "client") == "1";
  if (connects_again) rte_delay_us_sleep(100'000);
}

void Device::end() {
  let_vhost_settle();
  if (is_mute()) replace_by_memory(bars_);
  if (started_ && frees_received_) fill_rx_rings();
  if (started_) static_cast<void>(rte_eth_dev_stop(port_id_));
  // A PCI device that EAL has probed is ours, too: it would keep the pools' buffers, of which stopping gives back those of some
  // drivers only.
  const bool is_ours = made_here_ || (has_queues_ && is_pci_address(options_.name));
  rte_eth_dev_info device{};
  if (!is_ours || rte_eth_dev_info_get(port_id_, &device) != 0) return;
  // Which closes it; of a device that was closed before, net_ena would leave its memory behind (22.11).
  const auto remove = [&] { rte_dev_remove(device.device); };
  profile_of(info_.driver).forgets_handler ? between_interrupts(remove) : remove();
}

}  // namespace millrace::ethdev
