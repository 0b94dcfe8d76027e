// SPDX-License-Identifier: BSD-3-Clause
// What is said of a frame before anybody looks further: eth_type_trans and dissection. Called for each packet that the
// burst path does not merge; calls wire::dissect.
#include <millrace/gro/arrival.hpp>

#include <millrace/wire/dissect.hpp>
#include <millrace/wire/ethernet.hpp>

namespace millrace::gro {

bool arrive(pkt::Mbuf& mbuf, const Arrival& arrival) {
  if (mbuf.data_len < wire::ethernet_header_bytes) return false;
  const std::uint8_t* frame = mbuf.data();
  const wire::Layers layers = wire::dissect({frame, mbuf.data_len});
  pkt::Meta& meta = mbuf.meta;
  meta.l3_offset = layers.l3_offset;
  meta.l4_offset = layers.l4_offset;
  meta.payload_offset = layers.payload_offset;
  meta.ethertype = layers.ethertype;
  meta.l4_proto = layers.l4_proto;
  meta.napi_id = arrival.napi_id;
  meta.type = packet_type(frame, arrival.mac);
  return true;
}

}  // namespace millrace::gro
