// SPDX-License-Identifier: BSD-3-Clause
// The early hook. Called by RxPoller for each burst of a port that has one; calls TxPath. bpf_prog_run_xdp() and what the
// drivers make of its verdict (receive_path G11).
#include <millrace/runtime/xdp.hpp>

#include <millrace/gro/arrival.hpp>
#include <millrace/runtime/receive.hpp>
#include <millrace/runtime/tx_path.hpp>
#include <millrace/wire/protocol.hpp>

namespace millrace::runtime {
namespace {

// A frame leaves whose sum the device left to be finished, or that it merged: the way out has to know its headers.
void prepare_to_send(pkt::Packet& frame) {
  pkt::Meta& meta = frame.meta();
  meta.tx_checksum = pkt::ChecksumRequest::none;
  if (meta.checksum != pkt::ChecksumVerdict::partial && meta.gso_size == 0) return;
  if (!gro::arrive(frame.mbuf(), {.ifindex = meta.ifindex})) return;
  if (meta.l4_proto == wire::ip_proto::tcp) meta.tx_checksum = pkt::ChecksumRequest::tcp;
  if (meta.l4_proto == wire::ip_proto::udp) meta.tx_checksum = pkt::ChecksumRequest::udp;
}

void send(Env& env, pkt::Packet frame, stats::Xdp how, Receive& receive) {
  TxPath* const out = receive.tx_path(frame.meta().ifindex);
  if (out == nullptr) {
    env.stats->xdp.add(stats::Xdp::redirect_err);
    return drop(env, std::move(frame), stats::DropReason::xdp_no_port);
  }
  env.stats->xdp.add(how);
  prepare_to_send(frame);
  out->transmit(std::move(frame));
}

}  // namespace

void run_xdp(Env& env, const XdpHook& hook, pkt::Burst& burst, Receive& receive) {
  pkt::Burst passed;
  burst.take_all([&](pkt::Packet frame) {
    const std::uint16_t ifindex = frame.meta().ifindex;
    const XdpAction action = hook(env, frame);
    if (action != XdpAction::redirect) frame.meta().ifindex = ifindex;
    switch (action) {
      case XdpAction::pass: env.stats->xdp.add(stats::Xdp::pass); return passed.push(std::move(frame));
      case XdpAction::tx: return send(env, std::move(frame), stats::Xdp::tx, receive);
      case XdpAction::redirect: return send(env, std::move(frame), stats::Xdp::redirect, receive);
      case XdpAction::drop: break;
    }
    env.stats->xdp.add(stats::Xdp::drop);
    frame.meta().frame_offset = frame.headroom();  // for a tap
    drop(env, std::move(frame), stats::DropReason::xdp_drop);
  });
  passed.take_all([&](pkt::Packet frame) { burst.push(std::move(frame)); });
}

}  // namespace millrace::runtime
