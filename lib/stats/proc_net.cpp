// SPDX-License-Identifier: BSD-3-Clause
// The files of /proc/net that are made of counters: snmp, snmp6, netstat. Called by the engine's views. Linux 6.18:
// net/ipv4/proc.c, net/ipv6/proc.c (receive_path H9, H10, J7).
#include <millrace/stats/proc_net.hpp>

#include <array>
#include <cstdio>
#include <functional>
#include <map>
#include <utility>

namespace millrace::stats {
namespace {

constexpr std::string_view ip_columns =
    "Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers "
    "OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates "
    "OutTransmits";
constexpr std::string_view icmp_columns =
    "InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos InEchoReps "
    "InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors OutRateLimitGlobal OutRateLimitHost "
    "OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps "
    "OutTimestampReps OutAddrMasks OutAddrMaskReps";
constexpr std::string_view tcp_columns =
    "RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs "
    "RetransSegs InErrs OutRsts InCsumErrors";
constexpr std::string_view udp_columns =
    "InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors";
constexpr std::string_view ip6_columns =
    "InReceives InHdrErrors InTooBigErrors InNoRoutes InAddrErrors InUnknownProtos InTruncatedPkts InDiscards InDelivers "
    "OutForwDatagrams OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails "
    "FragCreates InMcastPkts OutMcastPkts InOctets OutOctets InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets "
    "InNoECTPkts InECT1Pkts InECT0Pkts InCEPkts OutTransmits";
constexpr std::string_view icmp6_columns =
    "InMsgs InErrors OutMsgs OutErrors InCsumErrors OutRateLimitHost InDestUnreachs InPktTooBigs InTimeExcds InParmProblems "
    "InEchos InEchoReplies InGroupMembQueries InGroupMembResponses InGroupMembReductions InRouterSolicits "
    "InRouterAdvertisements InNeighborSolicits InNeighborAdvertisements InRedirects InMLDv2Reports OutDestUnreachs "
    "OutPktTooBigs OutTimeExcds OutParmProblems OutEchos OutEchoReplies OutGroupMembQueries OutGroupMembResponses "
    "OutGroupMembReductions OutRouterSolicits OutRouterAdvertisements OutNeighborSolicits OutNeighborAdvertisements "
    "OutRedirects OutMLDv2Reports";
constexpr std::string_view tcp_ext_columns =
    "SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned OfoPruned OutOfWindowIcmps "
    "LockDroppedIcmps ArpFilter TW TWRecycled TWKilled PAWSActive PAWSEstab BeyondWindow TSEcrRejected PAWSOldAck "
    "PAWSTimewait DelayedACKs DelayedACKLocked DelayedACKLost ListenOverflows ListenDrops TCPHPHits TCPPureAcks TCPHPAcks "
    "TCPRenoRecovery TCPSackRecovery TCPSACKReneging TCPSACKReorder TCPRenoReorder TCPTSReorder TCPFullUndo TCPPartialUndo "
    "TCPDSACKUndo TCPLossUndo TCPLostRetransmit TCPRenoFailures TCPSackFailures TCPLossFailures TCPFastRetrans "
    "TCPSlowStartRetrans TCPTimeouts TCPLossProbes TCPLossProbeRecovery TCPRenoRecoveryFail TCPSackRecoveryFail "
    "TCPRcvCollapsed TCPBacklogCoalesce TCPDSACKOldSent TCPDSACKOfoSent TCPDSACKRecv TCPDSACKOfoRecv TCPAbortOnData "
    "TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger TCPAbortFailed TCPMemoryPressures "
    "TCPMemoryPressuresChrono TCPSACKDiscard TCPDSACKIgnoredOld TCPDSACKIgnoredNoUndo TCPSpuriousRTOs TCPMD5NotFound "
    "TCPMD5Unexpected TCPMD5Failure TCPSackShifted TCPSackMerged TCPSackShiftFallback TCPBacklogDrop PFMemallocDrop "
    "TCPMinTTLDrop TCPDeferAcceptDrop IPReversePathFilter TCPTimeWaitOverflow TCPReqQFullDoCookies TCPReqQFullDrop "
    "TCPRetransFail TCPRcvCoalesce TCPOFOQueue TCPOFODrop TCPOFOMerge TCPChallengeACK TCPSYNChallenge TCPFastOpenActive "
    "TCPFastOpenActiveFail TCPFastOpenPassive TCPFastOpenPassiveFail TCPFastOpenListenOverflow TCPFastOpenCookieReqd "
    "TCPFastOpenBlackhole TCPSpuriousRtxHostQueues BusyPollRxPackets TCPAutoCorking TCPFromZeroWindowAdv TCPToZeroWindowAdv "
    "TCPWantZeroWindowAdv TCPSynRetrans TCPOrigDataSent TCPHystartTrainDetect TCPHystartTrainCwnd TCPHystartDelayDetect "
    "TCPHystartDelayCwnd TCPACKSkippedSynRecv TCPACKSkippedPAWS TCPACKSkippedSeq TCPACKSkippedFinWait2 "
    "TCPACKSkippedTimeWait TCPACKSkippedChallenge TCPWinProbe TCPKeepAlive TCPMTUPFail TCPMTUPSuccess TCPDelivered "
    "TCPDeliveredCE TCPAckCompressed TCPZeroWindowDrop TCPRcvQDrop TCPWqueueTooBig TCPFastOpenPassiveAltKey "
    "TcpTimeoutRehash TcpDuplicateDataRehash TCPDSACKRecvSegs TCPDSACKIgnoredDubious TCPMigrateReqSuccess "
    "TCPMigrateReqFailure TCPPLBRehash TCPAORequired TCPAOBad TCPAOKeyNotFound TCPAOGood TCPAODroppedIcmps";
constexpr std::string_view ip_ext_columns =
    "InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets OutOctets InMcastOctets "
    "OutMcastOctets InBcastOctets OutBcastOctets InCsumErrors InNoECTPkts InECT1Pkts InECT0Pkts InCEPkts ReasmOverlaps";

using Type = std::pair<unsigned, std::string_view>;
// icmpmibmap[]: a type of ICMP and the counters In... and Out... of it, in the order of types.
constexpr std::array icmp_types = std::to_array<Type>({{0, "EchoReps"},
                                                       {3, "DestUnreachs"},
                                                       {4, "SrcQuenchs"},
                                                       {5, "Redirects"},
                                                       {8, "Echos"},
                                                       {11, "TimeExcds"},
                                                       {12, "ParmProbs"},
                                                       {13, "Timestamps"},
                                                       {14, "TimestampReps"},
                                                       {17, "AddrMasks"},
                                                       {18, "AddrMaskReps"}});
// icmp6type2name[]
constexpr std::array icmp6_types = std::to_array<Type>({{1, "DestUnreachs"},
                                                        {2, "PktTooBigs"},
                                                        {3, "TimeExcds"},
                                                        {4, "ParmProblems"},
                                                        {128, "Echos"},
                                                        {129, "EchoReplies"},
                                                        {130, "GroupMembQueries"},
                                                        {131, "GroupMembResponses"},
                                                        {132, "GroupMembReductions"},
                                                        {133, "RouterSolicits"},
                                                        {134, "RouterAdvertisements"},
                                                        {135, "NeighborSolicits"},
                                                        {136, "NeighborAdvertisements"},
                                                        {137, "Redirects"},
                                                        {143, "MLDv2Reports"}});

/// What stands in a column: "ip.InReceives", as text.
using Values = std::map<std::string, std::string, std::less<>>;

Values values_of(std::span<const LcoreStats* const> lcores) {
  Values values;
  for_each(lcores, [&](const Sample& s) { values[std::string(s.group) + "." + s.info.name] = std::to_string(s.value); });
  return values;
}

std::string value(const Values& values, std::string_view group, std::string_view name) {
  const auto at = values.find(std::string(group).append(".").append(name));
  return at != values.end() ? at->second : "0";
}

template <class F>
void for_each_word(std::string_view words, F&& f) {
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(' '));
    f(word);
    words.remove_prefix(std::min(word.size() + 1, words.size()));
  }
}

// The line of names and the line of values.
std::string two_lines(const std::string& title, std::string_view columns, const Values& values, std::string_view group) {
  std::string numbers;
  for_each_word(columns, [&](std::string_view name) { numbers.append(" ").append(value(values, group, name)); });
  return title + ": " + std::string(columns) + "\n" + title + ":" + numbers + "\n";
}

// f("InType3", "2") for each type of which there was any, first those that came.
template <std::size_t N, class F>
void for_each_type(const std::array<Type, N>& types, const Values& values, std::string_view group, F&& f) {
  for (const char* way : {"In", "Out"})
    for (const auto& [type, name] : types) {
      const std::string number = value(values, group, std::string(way).append(name));
      if (number != "0") f(std::string(way) + "Type" + std::to_string(type), number);
    }
}

// icmpmsg_put(): no lines when nothing came or went, and 16 columns a line.
std::string icmp_msg(const Values& values) {
  constexpr int per_line = 16;
  std::string text, names, numbers;
  int count = 0;
  const auto end_line = [&] {
    if (!names.empty()) text.append("IcmpMsg:").append(names).append("\nIcmpMsg:").append(numbers).append("\n");
    names.clear();
    numbers.clear();
  };
  for_each_type(icmp_types, values, "icmp", [&](const std::string& name, const std::string& number) {
    names.append(" ").append(name);
    numbers.append(" ").append(number);
    if (++count % per_line == 0) end_line();
  });
  end_line();
  return text;
}

std::string snmp6_line(const std::string& name, const std::string& number) {
  std::array<char, 80> line;
  std::snprintf(line.data(), line.size(), "%-32s\t%s\n", name.c_str(), number.c_str());
  return line.data();
}

}  // namespace

std::string to_proc_net_snmp(std::span<const LcoreStats* const> lcores, const SnmpValues& told) {
  Values values = values_of(lcores);
  values["ip.Forwarding"] = std::string(told.is_forwarding ? "1" : "2");
  values["ip.DefaultTTL"] = std::to_string(told.default_ttl);
  values["tcp.RtoAlgorithm"] = std::string("1");  // other: van Jacobson's would be 4, but Linux says so
  values["tcp.RtoMin"] = std::string("200");
  values["tcp.RtoMax"] = std::string("120000");
  values["tcp.MaxConn"] = std::string("-1");  // RFC 4022: dynamic
  values["tcp.CurrEstab"] = std::to_string(told.established);
  return two_lines("Ip", ip_columns, values, "ip") + two_lines("Icmp", icmp_columns, values, "icmp") + icmp_msg(values) +
         two_lines("Tcp", tcp_columns, values, "tcp") + two_lines("Udp", udp_columns, values, "udp") +
         two_lines("UdpLite", udp_columns, values, "udplite");
}

std::string to_proc_net_snmp6(std::span<const LcoreStats* const> lcores) {
  const Values values = values_of(lcores);
  std::string text;
  for_each_word(ip6_columns, [&](std::string_view name) { text += snmp6_line("Ip6" + std::string(name), value(values, "ip6", name)); });
  for_each_word(icmp6_columns, [&](std::string_view name) { text += snmp6_line("Icmp6" + std::string(name), value(values, "icmp6", name)); });
  for_each_type(icmp6_types, values, "icmp6", [&](const std::string& name, const std::string& number) { text += snmp6_line("Icmp6" + name, number); });
  for_each_word(udp_columns, [&](std::string_view name) { text += snmp6_line("Udp6" + std::string(name), value(values, "udp6", name)); });
  for_each_word(udp_columns, [&](std::string_view name) {
    if (name != "IgnoredMulti") text += snmp6_line("UdpLite6" + std::string(name), "0");  // as Linux has it
  });
  return text;
}

std::string to_proc_net_netstat(std::span<const LcoreStats* const> lcores) {
  const Values values = values_of(lcores);
  return two_lines("TcpExt", tcp_ext_columns, values, "tcp_ext") + two_lines("IpExt", ip_ext_columns, values, "ip");
}

}  // namespace millrace::stats
