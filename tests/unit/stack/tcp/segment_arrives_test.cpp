// SPDX-License-Identifier: BSD-3-Clause
// The table of RFC 9293 section 3.10.7.4: every state against flags and places of a segment.
#include "tests/support/catch.hpp"
#include "tests/support/tcp_peer.hpp"

using namespace millrace;
using namespace millrace::test;
using tcp::State;

namespace {

/// A connection brought to `state` over the wire. The peer has sent nothing but, where the state says so, its FIN.
struct InState : Established {
  explicit InState(State state) {
    const bool peer_first = state == State::close_wait || state == State::last_ack;
    if (peer_first) peer.sends(flags("FA"));
    if (state != State::established && state != State::close_wait) shuts_down();
    peer.skips_all();
    if (state == State::closing) peer.sends(flags("FA").ack(1));
    if (state == State::fin_wait_2) peer.sends(flags("A"));
    peer.skips_all();
    if (state == State::closing || state == State::fin_wait_1 || state == State::last_ack) peer.seen = 1;  // our FIN is not acknowledged
    REQUIRE(connection->connection_state() == state);
    app.take();
  }
};

enum class Answer { nothing, ack, rst };

struct Row {
  const char* flags;
  int offset;            ///< from RCV.NXT
  std::uint32_t length;
  Answer answer;
  bool ends;             ///< the connection is reset or closed by it
};

Answer answer_of(TcpWorld& world) {
  if (world.sent.empty()) return Answer::nothing;
  CHECK(world.sent.size() == 1);
  return (world.sent.front().header.flags & wire::tcp_flag::rst) != 0 ? Answer::rst : Answer::ack;
}

}  // namespace

TEST_CASE("RFC 9293 3.10.7.4: what does not depend on the state, in every synchronized state") {
  constexpr Row rows[] = {
      // first step: unacceptable
      {"A", -1, 0, Answer::ack, false},      {"PA", -10, 10, Answer::ack, false},   {"A", 70000, 0, Answer::ack, false},
      {"PA", 70000, 10, Answer::ack, false}, {"R", -1, 0, Answer::nothing, false},  {"R", 70000, 0, Answer::nothing, false},
      {"S", -1, 0, Answer::ack, false},      {"S", 70000, 0, Answer::ack, false},   {"FA", 70000, 0, Answer::ack, false},
      {"FA", -10, 5, Answer::ack, false},
      // second step: RST
      {"R", 0, 0, Answer::nothing, true},    {"RA", 0, 0, Answer::nothing, true},   {"R", 1, 0, Answer::ack, false},
      {"RA", 1000, 0, Answer::ack, false},
      // fourth step: SYN
      {"S", 0, 0, Answer::ack, false},       {"SA", 0, 0, Answer::ack, false},      {"S", 1000, 0, Answer::ack, false},
      // fifth step: no ACK
      {"", 0, 0, Answer::nothing, false},    {"P", 0, 10, Answer::nothing, false},  {"F", 0, 0, Answer::nothing, false},
  };
  for (const State state : {State::established, State::fin_wait_1, State::fin_wait_2, State::close_wait, State::closing,
                            State::last_ack}) {
    for (const Row& row : rows) {
      InState e(state);
      INFO(tcp::to_string(state) << " gets '" << row.flags << "' at " << row.offset << ", " << row.length << " bytes");
      const auto at = static_cast<std::uint32_t>(static_cast<int>(e.peer.nxt) + row.offset);
      e.peer.sends(flags(row.flags).seq(at).data(row.length));
      CHECK(answer_of(e.world) == row.answer);
      CHECK((e.connection->connection_state() == (row.ends ? State::closed : state)));
    }
  }
}

TEST_CASE("RFC 9293 3.10.7.4 fifth step: acknowledgments that are not possible, in every synchronized state") {
  for (const State state : {State::established, State::fin_wait_1, State::fin_wait_2, State::close_wait, State::closing,
                            State::last_ack}) {
    for (const std::uint32_t wrong : {3u, 100'000u, 0u - 200'000u}) {
      InState e(state);
      INFO(tcp::to_string(state) << " gets ACK " << wrong);
      e.peer.sends(flags("A").ack(wrong));
      CHECK(answer_of(e.world) == Answer::ack);
      CHECK(e.connection->connection_state() == state);
    }
  }
}

TEST_CASE("RFC 9293 3.10.7.4 fifth to eighth step: where text, ACK and FIN lead from each state") {
  struct Step {
    State from;
    const char* flags;
    std::uint32_t length;
    bool acks_fin;
    State to;
    Answer answer;
  };
  constexpr Step steps[] = {
      {State::established, "PA", 10, false, State::established, Answer::ack},
      {State::established, "FA", 0, false, State::close_wait, Answer::ack},
      {State::established, "FPA", 10, false, State::close_wait, Answer::ack},
      {State::fin_wait_1, "A", 0, true, State::fin_wait_2, Answer::nothing},
      {State::fin_wait_1, "PA", 10, false, State::fin_wait_1, Answer::ack},
      {State::fin_wait_1, "FA", 0, false, State::closing, Answer::ack},
      {State::fin_wait_1, "FA", 0, true, State::closed, Answer::ack},  // TIME-WAIT
      {State::fin_wait_2, "PA", 10, true, State::fin_wait_2, Answer::ack},
      {State::fin_wait_2, "FA", 0, true, State::closed, Answer::ack},  // TIME-WAIT
      {State::close_wait, "A", 0, false, State::close_wait, Answer::nothing},
      {State::closing, "A", 0, false, State::closing, Answer::nothing},
      {State::closing, "A", 0, true, State::closed, Answer::nothing},  // TIME-WAIT
      {State::last_ack, "A", 0, false, State::last_ack, Answer::nothing},
      {State::last_ack, "A", 0, true, State::closed, Answer::nothing},
  };
  for (const Step& step : steps) {
    InState e(step.from);
    INFO(tcp::to_string(step.from) << " gets '" << step.flags << "' acks_fin " << step.acks_fin);
    const std::uint32_t ack = step.acks_fin ? 2 : 1;
    e.peer.sends(flags(step.flags).data(step.length).ack(ack));
    CHECK(answer_of(e.world) == step.answer);
    CHECK(e.connection->connection_state() == step.to);
    const bool time_wait = step.to == State::closed && step.from != State::last_ack;
    CHECK(e.world.tcp.time_waits() == (time_wait ? 1 : 0));
    CHECK(e.reads() == (step.length > 0                                                               ? 10
                        : e.connection->at_end() || step.to == State::closed ? 0 : -EAGAIN));
  }
}
