// SPDX-License-Identifier: BSD-3-Clause
// virtio-user and DPDK's vhost library, which of the two is ours and which listens: all of it in this process.
#include "tests/media/dpdk_peer.hpp"

#include <rte_eth_vhost.h>
#include <rte_ethdev.h>
#include <rte_vhost.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace millrace::media {
namespace {

constexpr const char* no_verdict = "virtio_net.c: virtio_enqueue_offload() says nothing of a checksum that is complete";
constexpr const char* no_cable = "vhost-user has no message for a link";

constexpr const char* connects_again =
    "socket.c: vhost_user_read_cb() puts a client that lost its peer on the list of those that connect again, while rte_vhost_driver_unregister() frees it";

bool exists(const std::string& path) {
  struct stat ignored {};
  return stat(path.c_str(), &ignored) == 0;
}

/// The vhost library looks at a new listening socket when its thread next wakes, after a second at most; a caller of another wakes
/// it now.
class Waker {
 public:
  Waker() {
    static constexpr rte_vhost_device_ops deaf{};
    if (rte_vhost_driver_register(path_.c_str(), 0) != 0 || rte_vhost_driver_callback_register(path_.c_str(), &deaf) != 0 || rte_vhost_driver_start(path_.c_str()) != 0) throw std::runtime_error("no vhost socket " + path_);
  }
  ~Waker() { unlink(path_.c_str()); }
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;
  void wake() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    static_cast<void>(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
    ::close(fd);
  }

 private:
  const std::string path_ = own_path("waker");
};

void wake_vhost_library() {
  static const Waker waker;
  waker.wake();
}

/// A backend's queues come up one by one, then its link, and only then it carries frames.
bool wait_for_queues(std::uint16_t vhost_port, unsigned queues) {
  unsigned enabled = 0;
  const bool are_up = wait_until([&] {
    rte_eth_vhost_queue_event event{};
    while (rte_eth_vhost_get_queue_event(vhost_port, &event) == 0) enabled += event.enable ? 1 : 0;
    rte_eth_link link{};
    return enabled >= 2 * queues && rte_eth_link_get_nowait(vhost_port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return are_up;
}

struct Variant {
  std::string virtio{};         ///< its further arguments
  std::string vhost{};
  bool virtio_listens = false;  ///< else vhost does
};

class Pair : public Medium {
 public:
  Pair(Traits what, Variant variant) : Medium(std::move(what)), variant_(std::move(variant)) {}

  bool inject(std::span<const std::uint8_t> frame) override { return peer_ && peer_->send(frame); }
  std::uint16_t gso_size() const override { return peer_->gso_size(); }
  void lose() override {
    peer_.reset();
    wake_vhost_library();  // whose thread keeps the socket open as long as it waits for it
  }
  void give_back() override {
    make_peer();
    start_peer();
    wake_vhost_library();
  }

 protected:
  /// A vhost client that has lost its peer is on its way to the list of those that connect again: not to be removed before it is there.
  static void settle(const std::function<bool()>& is_down) {
    wait_until(is_down, std::chrono::milliseconds(200));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  virtual void make_peer() = 0;
  virtual void start_peer() = 0;
  void collect(std::vector<Frame>& frames) override {
    if (peer_) peer_->receive(frames);
  }
  [[nodiscard]] std::string queues() const { return ",queues=" + std::to_string(traits.queues); }
  [[nodiscard]] std::string vhost_args() const { return "iface=" + socket_ + queues() + (variant_.virtio_listens ? ",client=1" : "") + variant_.vhost; }
  [[nodiscard]] std::string virtio_args() const { return "path=" + socket_ + queues() + (variant_.virtio_listens ? ",server=1" : "") + variant_.virtio; }
  [[nodiscard]] bool is_listened_to() const { return exists(socket_); }

  const Variant variant_;
  std::uint16_t queues_in_use_ = 1;
  std::unique_ptr<DpdkPeer> peer_;

 private:
  const std::string socket_ = own_path("vhost");
};

/// Ours is the device's driver.
class VirtioUser final : public Pair {
 public:
  using Pair::Pair;
  Return returns() const override { return variant_.virtio_listens ? Return::by_itself : Return::opened_anew; }

  Result<void> attach(ethdev::Options options, const MakePort& make_port) override {
    options.name = "net_virtio_user0";
    options.args = virtio_args();
    options.checksum_offload = traits.checksums;
    queues_in_use_ = options.rx_queues;
    make_peer();
    // A device that listens waits for its backend while it is made.
    std::thread start([this] {
      if (variant_.virtio_listens) wait_until([this] { return is_listened_to(); });
      start_peer();
      wake_vhost_library();
    });
    if (!variant_.virtio_listens) start.join();
    Result<void> made = make_port(options);
    if (start.joinable()) start.join();
    if (made) wait_for_queues(peer_->port_id(), queues_in_use_);
    else peer_.reset();
    return made;
  }
  void detach(const std::function<void()>& end_port) override {
    end_port();
    if (variant_.virtio_listens) settle([this] { return peer_ == nullptr || !peer_->is_up(); });
    peer_.reset();
  }

 private:
  void make_peer() override { peer_ = std::make_unique<DpdkPeer>("net_vhost_peer", vhost_args(), queues_in_use_); }
  void start_peer() override { peer_->start(); }
};

/// Ours is the backend.
class Vhost final : public Pair {
  static constexpr const char* ours = "net_vhost0";

 public:
  using Pair::Pair;
  Return returns() const override { return Return::by_itself; }

  Result<void> attach(ethdev::Options options, const MakePort& make_port) override {
    options.name = ours;
    options.args = vhost_args();
    queues_in_use_ = options.rx_queues;
    // As above, with the sides changed.
    std::thread make;
    if (variant_.virtio_listens) {
      make = std::thread([this] { make_peer(); });
      wait_until([this] { return is_listened_to(); });
    }
    Result<void> made = make_port(options);
    wake_vhost_library();
    if (make.joinable()) make.join();
    else if (made) make_peer();
    if (!made) return made;
    start_peer();
    wait_for_port();
    return made;
  }
  void detach(const std::function<void()>& end_port) override {
    peer_.reset();
    if (variant_.virtio_listens) settle([] { return !is_link_up(ours); });
    end_port();
  }
  void follow_reset() override {
    if (variant_.virtio_listens) {
      settle([this] { return peer_ == nullptr || !peer_->is_up(); });
      wait_until([this] { return peer_->is_up(); }, std::chrono::seconds(4));
      return wait_for_port();
    }
    lose();  // virtio-user connects once
    give_back();
    wait_for_port();
  }

 private:
  void wait_for_port() const {
    std::uint16_t id = 0;
    if (rte_eth_dev_get_port_by_name(ours, &id) == 0) wait_for_queues(id, queues_in_use_);
  }
  void make_peer() override { peer_ = std::make_unique<DpdkPeer>("net_virtio_user_peer", virtio_args(), queues_in_use_); }
  /// A guest takes partial checksums. For one that does not, vhost_dev_tx_sw_csum() finishes them, wrongly where a buffer of a chain has
  /// an odd length. One that listens has its link's interrupt: without, virtio-user would leave the handler that it has from being
  /// connected to again.
  void start_peer() override { peer_->start(RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM, variant_.virtio_listens); }
};

Traits virtio_user(std::string name) {
  return {.name = std::move(name), .driver = "net_virtio_user", .tso = false, .lacks = {{Lack::verdicts, no_verdict}, {Lack::cable, no_cable}}};
}

Traits vhost(std::string name) {
  return {.name = std::move(name), .driver = "net_vhost", .tso = false, .lacks = {{Lack::verdicts, no_verdict}, {Lack::cable, no_cable}}};
}

}  // namespace

std::vector<std::unique_ptr<conformance::Subject>> make_subjects() {
  std::vector<std::unique_ptr<conformance::Subject>> all;
  const auto ours_is_virtio = [&](Traits traits, Variant variant) { all.push_back(std::make_unique<VirtioUser>(std::move(traits), std::move(variant))); };
  const auto ours_is_vhost = [&](Traits traits, Variant variant) { all.push_back(std::make_unique<Vhost>(std::move(traits), std::move(variant))); };
  Traits with_tso = virtio_user("virtio-user, TSO");
  with_tso.tso = true;
  with_tso.lacks[Lack::segments] = "a frame to be cut crosses whole";
  Traits four_queues = virtio_user("virtio-user, four queues");
  four_queues.queues = 4;
  Traits vectorized = virtio_user("virtio-user, vectorized");
  vectorized.checksums = false;
  Traits vhost_four_queues = vhost("vhost, four queues");
  vhost_four_queues.queues = 4;

  ours_is_virtio(virtio_user("virtio-user, split ring"), {});
  ours_is_virtio(virtio_user("virtio-user, packed ring"), {.virtio = ",packed_vq=1"});
  ours_is_virtio(virtio_user("virtio-user, split ring in order"), {.virtio = ",in_order=1"});
  ours_is_virtio(virtio_user("virtio-user, packed ring in order, not mergeable"), {.virtio = ",packed_vq=1,in_order=1,mrg_rxbuf=0"});
  ours_is_virtio(virtio_user("virtio-user, split ring, not mergeable"), {.virtio = ",mrg_rxbuf=0,in_order=0"});
  ours_is_virtio(vectorized, {.virtio = ",vectorized=1,mrg_rxbuf=0,in_order=0"});
  ours_is_virtio(four_queues, {});
  ours_is_virtio(with_tso, {.vhost = ",tso=1"});
  ours_is_virtio(virtio_user("virtio-user, listening"), {.virtio_listens = true});
  ours_is_virtio(virtio_user("virtio-user, packed ring, listening"), {.virtio = ",packed_vq=1", .virtio_listens = true});
  ours_is_vhost(vhost("vhost, split ring"), {});
  ours_is_vhost(vhost("vhost, packed ring"), {.virtio = ",packed_vq=1"});
  ours_is_vhost(vhost_four_queues, {});
  Traits client = vhost("vhost, client");
  client.lacks[Lack::stop_of_interrupts] = connects_again;
  ours_is_vhost(client, {.virtio_listens = true});
  return all;
}

}  // namespace millrace::media
