// SPDX-License-Identifier: BSD-3-Clause
// lwIP as a peer of UDP: its netif, its callback, its device. Compiled with the peers' flags. Called by udp.cpp.
#include "tests/bench/udp_lwip.hpp"

#ifdef MR_HAS_LWIP

#include <lwip/etharp.h>
#include <lwip/inet_chksum.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <netif/ethernet.h>
#include <lwip/udp.h>

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace millrace::bench::peer {
namespace {

struct Host {
  netif device{};
  udp_pcb* socket = nullptr;
  UdpWork work = UdpWork::take;
  UdpTotals totals;
  bool verifies = false;
  std::vector<FrameBytes>* kept = nullptr;
  ip_addr_t last_from{};
  u16_t last_port = 0;
  std::array<std::uint8_t, 65536> bytes{};
};
Host host;

// The pbuf of a buffer lies in its private area, behind the mbuf.
static_assert(sizeof(pbuf_custom) <= 64);
void free_mbuf(pbuf* p) { rte_pktmbuf_free(reinterpret_cast<rte_mbuf*>(p) - 1); }

void on_datagram(void*, udp_pcb* socket, pbuf* p, const ip_addr_t* from, u16_t port) {
  ++host.totals.datagrams;
  host.totals.bytes += p->tot_len;
  host.last_from = *from;
  host.last_port = port;
  if (host.verifies)
    for (const pbuf* part = p; part != nullptr; part = part->next)
      for (u16_t i = 0; i < part->len; ++i) host.totals.digest += static_cast<const std::uint8_t*>(part->payload)[i];
  if (host.work == UdpWork::copy) pbuf_copy_partial(p, host.bytes.data(), p->tot_len, 0);
  if (host.work == UdpWork::echo) udp_sendto(socket, p, from, port);
  pbuf_free(p);
}

err_t send_frame(netif*, pbuf* p) {
  ++host.totals.sent;
  host.totals.sent_bytes += p->tot_len;
  if (host.kept != nullptr) {
    host.kept->emplace_back(p->tot_len);
    pbuf_copy_partial(p, host.kept->back().data(), p->tot_len, 0);
  }
  return ERR_OK;
}

err_t init_device(netif* device) {
  constexpr std::array<std::uint8_t, 6> mac{2, 0, 0, 0, 0, 2};
  device->mtu = 1500;
  device->hwaddr_len = mac.size();
  std::copy(mac.begin(), mac.end(), device->hwaddr);
  device->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
  device->output = etharp_output;
  device->linkoutput = send_frame;
  return ERR_OK;
}

void start() {
  if (netif_default != nullptr) return;
  lwip_init();
  ip4_addr_t address, mask, gateway;
  IP4_ADDR(&address, 10, 77, 0, 2);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gateway, 0, 0, 0, 0);
  netif_add(&host.device, &address, &mask, &gateway, nullptr, init_device, ethernet_input);
  netif_set_default(&host.device);
  netif_set_up(&host.device);
}

}  // namespace

bool Lwip::is_there() { return true; }

Lwip::Lwip(UdpWork work) {
  start();
  host.work = work;
  host.totals = {};
  host.socket = udp_new();
  if (host.socket == nullptr || udp_bind(host.socket, IP4_ADDR_ANY, UdpLoad::local_port) != ERR_OK) throw std::runtime_error("lwIP has no socket");
  udp_recv(host.socket, on_datagram, nullptr);
}

Lwip::~Lwip() { udp_remove(host.socket); }

void Lwip::receive(std::span<rte_mbuf* const> packets) {
  for (rte_mbuf* m : packets) rte_prefetch0(rte_pktmbuf_mtod(m, void*));
  for (rte_mbuf* m : packets) {
    auto* const custom = static_cast<pbuf_custom*>(rte_mbuf_to_priv(m));
    custom->custom_free_function = free_mbuf;
    pbuf* const p = pbuf_alloced_custom(PBUF_RAW, m->data_len, PBUF_REF, custom, rte_pktmbuf_mtod(m, void*), m->data_len);
    if (host.device.input(p, &host.device) != ERR_OK) pbuf_free(p);
  }
}

void Lwip::send(std::span<const std::uint8_t> bytes, unsigned times) {
  for (unsigned i = 0; i < times; ++i) {
    pbuf* const p = pbuf_alloc(PBUF_TRANSPORT, static_cast<u16_t>(bytes.size()), PBUF_RAM);
    if (p == nullptr) return;
    pbuf_take(p, bytes.data(), static_cast<u16_t>(bytes.size()));
    udp_sendto(host.socket, p, &host.last_from, host.last_port);
    pbuf_free(p);
  }
}

const UdpTotals& Lwip::totals() const { return host.totals; }

void Lwip::verify(std::vector<FrameBytes>* sent) {
  host.verifies = sent != nullptr;
  host.kept = sent;
}

}  // namespace millrace::bench::peer

#else

namespace millrace::bench::peer {

bool Lwip::is_there() { return false; }
Lwip::Lwip(UdpWork) {}
Lwip::~Lwip() = default;
void Lwip::receive(std::span<rte_mbuf* const>) {}
void Lwip::send(std::span<const std::uint8_t>, unsigned) {}
const UdpTotals& Lwip::totals() const {
  static const UdpTotals none;
  return none;
}
void Lwip::verify(std::vector<FrameBytes>*) {}

}  // namespace millrace::bench::peer

#endif
