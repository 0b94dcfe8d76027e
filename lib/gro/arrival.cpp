// SPDX-License-Identifier: BSD-3-Clause
// What is said of a frame before anybody looks further: eth_type_trans and dissection. Called for each packet that the
// burst path does not merge; calls wire::dissect.
#include <millrace/gro/arrival.hpp>

#include <millrace/wire/dissect.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/plain.hpp>

namespace millrace::gro {

namespace {

[[gnu::noinline]] void arrive_slowly(pkt::Mbuf& mbuf) {
  const wire::Layers layers = wire::dissect({mbuf.data(), mbuf.data_len});
  pkt::Meta& meta = mbuf.meta;
  meta.l3_offset = layers.l3_offset;
  meta.l4_offset = layers.l4_offset;
  meta.payload_offset = layers.payload_offset;
  meta.ethertype = layers.ethertype;
  meta.l4_proto = layers.l4_proto;
}

}  // namespace

bool arrive(pkt::Mbuf& mbuf, const Arrival& arrival) {
  if (mbuf.data_len < wire::ethernet_header_bytes) return false;
  const std::uint8_t* frame = mbuf.data();
  pkt::Meta& meta = mbuf.meta;
  meta.napi_id = arrival.napi_id;
  meta.frame_offset = mbuf.data_off;
  meta.type = packet_type(frame, arrival);
  const wire::PlainLayers plain = wire::dissect_plain({frame, mbuf.data_len});
  if (plain.payload_offset == 0) {
    arrive_slowly(mbuf);
    return true;
  }
  meta.l3_offset = wire::ethernet_header_bytes;
  meta.l4_offset = plain.l4_offset;
  meta.payload_offset = plain.payload_offset;
  meta.ethertype = plain.ethertype;
  meta.l4_proto = plain.l4_proto;
  return true;
}

}  // namespace millrace::gro
