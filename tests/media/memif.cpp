// SPDX-License-Identifier: BSD-3-Clause
// A pair of net_memif, both in this process.
#include "tests/media/dpdk_peer.hpp"

#include <rte_alarm.h>
#include <rte_ethdev.h>

#include <future>
#include <stdexcept>

namespace millrace::media {
namespace {

constexpr const char* ours = "net_memif0";

/// EAL's interrupt thread has done what it is at. It hears alarms, too.
void await_interrupt_thread() {
  std::promise<void> done;
  const auto tell = [](void* promise) { static_cast<std::promise<void>*>(promise)->set_value(); };
  if (rte_eal_alarm_set(1, tell, &done) != 0) throw std::runtime_error("no alarm");
  done.get_future().wait();
}

class Memif final : public Medium {
 public:
  Memif(Traits what, std::string role, std::string peer_role) : Medium(std::move(what)), role_(std::move(role)), peer_role_(std::move(peer_role)) {}

  Result<void> attach(ethdev::Options options, const MakePort& make_port) override {
    options.name = ours;
    options.args = args(role_);
    queues_in_use_ = options.rx_queues;
    if (role_ == "client") give_back();
    Result<void> made = make_port(options);
    if (!made) {
      peer_.reset();
      return made;
    }
    if (role_ == "server") give_back();
    wait_until([&] { return peer_->is_up() && is_link_up(ours); });
    fill_rings();
    return made;
  }
  void detach(const std::function<void()>& end_port) override {
    end_port();
    // A side that EAL's interrupt thread is still disconnecting is not to be removed.
    if (peer_) wait_until([this] { return !peer_->is_up(); });
    await_interrupt_thread();
    peer_.reset();
  }
  bool inject(std::span<const std::uint8_t> frame) override { return peer_ && peer_->send(frame); }
  void set_cable(bool up) override {
    if (traits.lacks.contains(Lack::cable)) return;
    if (!up) return peer_->stop();
    peer_->start();
    wait_until([this] { return peer_->is_up(); });
    fill_rings();
  }
  void lose() override { peer_.reset(); }
  void follow_reset() override {
    // A client connects when it is started; a server, ours that was made again, takes whoever comes.
    if (role_ == "server") {
      wait_until([this] { return !peer_->is_up(); });
      peer_->stop();
      peer_->start();
    }
    wait_until([this] { return peer_->is_up(); });
    fill_rings();
  }
  void give_back() override {
    peer_ = std::make_unique<DpdkPeer>("net_memif_peer", args(peer_role_), queues_in_use_);
    peer_->start();
  }
  Return returns() const override { return traits.lacks.contains(Lack::far_end) ? Return::never : Return::by_itself; }

 protected:
  void collect(std::vector<Frame>& frames) override {
    if (peer_) peer_->receive(frames);
  }

 private:
  /// A client gives the server room to send into while it polls.
  void fill_rings() {
    std::vector<Frame> none;
    peer_->receive(none);
    std::uint16_t id = 0;
    rte_mbuf* packet = nullptr;
    if (rte_eth_dev_get_port_by_name(ours, &id) != 0) return;
    for (std::uint16_t q = 0; q < queues_in_use_; ++q) rte_eth_rx_burst(id, q, &packet, 1);
  }
  [[nodiscard]] std::string args(const std::string& role) const { return "role=" + role + ",id=0,rsize=8,socket-abstract=no,socket=" + socket_; }

  const std::string role_;
  const std::string peer_role_;
  const std::string socket_ = own_path("memif");
  std::uint16_t queues_in_use_ = 1;
  std::unique_ptr<DpdkPeer> peer_;
};

}  // namespace

std::vector<std::unique_ptr<conformance::Subject>> make_subjects() {
  const Traits server{.name = "server", .driver = "net_memif", .queues = 4, .checksums = false, .tso = false, .has_rx_interrupts = false,
                      .lacks = {{Lack::stop_of_interrupts, "memif_socket.c: memif_disconnect() runs in EAL's interrupt thread while memif_dev_close() frees the device"}}};
  Traits client = server;
  client.name = "client";
  client.lacks = {{Lack::stop_of_interrupts, server.lacks.at(Lack::stop_of_interrupts)},
                  {Lack::cable, "rte_eth_memif.c: memif_dev_start() connects a client, and nothing else does"},
                  {Lack::far_end, "memif_socket.c: memif_socket_remove_device() frees a listener whose interrupt handler stays registered"}};
  std::vector<std::unique_ptr<conformance::Subject>> all;
  all.push_back(std::make_unique<Memif>(server, "server", "client"));
  all.push_back(std::make_unique<Memif>(client, "client", "server"));
  return all;
}

}  // namespace millrace::media
