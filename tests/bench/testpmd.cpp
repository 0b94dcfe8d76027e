// SPDX-License-Identifier: BSD-3-Clause
// Starts DPDK's testpmd, gives it commands and reads what it prints. Called by port_testpmd.cpp and port_testpmd_virtio.cpp.
#include "tests/bench/testpmd.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace millrace::bench {
namespace {

using Words = std::vector<std::string>;

constexpr const char* prompt = "testpmd> ";

void append(Words& words, const Words& more) { words.insert(words.end(), more.begin(), more.end()); }

/// Its memory is of our kind, and its main thread, which only takes commands, on another CPU if there is one.
Words words_of(const Bench& bench, const Testpmd::Options& options) {
  const std::string worker = std::to_string(bench.cpu);
  const std::string main = bench.other_cpu < 0 ? worker : std::to_string(bench.other_cpu);
  Words words{"stdbuf", "-oL"};  // else figures come when its buffer is full
  append(words, options.under);
  append(words, {"dpdk-testpmd", "-m", "128", "--no-pci", "--no-telemetry", "--lcores", "0@" + main + ",1@" + worker, "--vdev", options.device});
  append(words, bench.huge_pages ? Words{"--in-memory", "--single-file-segments"} : Words{"--no-huge", "--no-shconf"});
  append(words, {"--", "-i", "--port-topology=loop", "--forward-mode=io", "--burst=32", "--total-num-mbufs=4096"});
  append(words, options.arguments);
  return words;
}

[[noreturn]] void become(const Words& words, int socket) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // also of a parent that was killed
  cpu_set_t all;
  CPU_ZERO(&all);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &all);
  sched_setaffinity(0, sizeof all, &all);  // ours is one CPU
  for (int fd = 0; fd <= 2; ++fd) dup2(socket, fd);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of("\r\n ");
  if (end == std::string::npos) return "it said nothing";
  const std::size_t before = text.find_last_of("\r\n", end);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return text.substr(begin, end - begin + 1);
}

/// The number behind the last `name` in a text.
double number_after(const std::string& text, const std::string& name) {
  const std::size_t at = text.rfind(name);
  if (at == std::string::npos) throw std::runtime_error("testpmd did not tell of " + name);
  return std::strtod(text.c_str() + at + name.size(), nullptr);
}

}  // namespace

Result<std::unique_ptr<Testpmd>> Testpmd::start(const Bench& bench, const Options& options) {
  std::unique_ptr<Testpmd> testpmd(new Testpmd(options.patience));
  testpmd->run(words_of(bench, options));
  std::string said;
  if (!testpmd->read_to_prompt(said)) return failure(ENOENT, "dpdk-testpmd (Debian: dpdk-dev) did not start: " + last_line(said));
  testpmd->find_worker();
  return testpmd;
}

void Testpmd::run(const Words& words) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw std::runtime_error("socketpair");
  socket_ = ends[0];
  pid_ = fork();
  if (pid_ == 0) become(words, ends[1]);
  close(ends[1]);
}

Testpmd::~Testpmd() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (socket_ >= 0) close(socket_);
}

bool Testpmd::read_to_prompt(std::string& said) {
  const auto give_up = std::chrono::steady_clock::now() + patience_;
  while (!said.ends_with(prompt)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(give_up - std::chrono::steady_clock::now());
    pollfd readable{socket_, POLLIN, 0};
    std::array<char, 4096> bytes;
    if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) <= 0) return false;
    const ssize_t n = read(socket_, bytes.data(), bytes.size());
    if (n <= 0) return false;
    said.append(bytes.data(), static_cast<std::size_t>(n));
  }
  return true;
}

std::string Testpmd::command(const std::string& line) {
  const std::string text = line + '\n';
  if (send(socket_, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) throw std::runtime_error("testpmd has ended");
  std::string said;
  if (!read_to_prompt(said)) throw std::runtime_error("testpmd does not come back from " + line + ": " + last_line(said));
  return said;
}

void Testpmd::quit() {
  send(socket_, "quit\n", 5, MSG_NOSIGNAL);
  std::string said;
  read_to_prompt(said);  // to its end, or ours of waiting
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void Testpmd::begin(const std::string& start) {
  before_start_ = thread_time(worker_);
  command(start);
  after_start_ = thread_time(worker_);
}

// Between commands the thread should not have to wait. While one is obeyed it does, for we share its CPU and hear what is printed; but that is
// no time that it ran, and on virtio-user it has no packets then.
Testpmd::Forwarded Testpmd::stop() {
  const ThreadTime before_stop = thread_time(worker_);
  const std::string said = command("stop");
  const auto count = [&](const char* name) { return static_cast<std::uint64_t>(number_after(said, name)); };
  Forwarded forwarded{.received = count("RX-packets:"), .sent = count("TX-packets:"), .dropped = count("TX-dropped:"), .ns = thread_time(worker_).ran - before_start_.ran, .preempted = was_preempted(after_start_, before_stop)};
  if (said.find("cycles/packet=") != std::string::npos) forwarded.ticks_of_a_packet = number_after(said, "cycles/packet=");
  return forwarded;
}

/// "lcore-worker-1" until DPDK 23.07, "dpdk-worker1" after.
void Testpmd::find_worker() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name.find("worker") != std::string::npos) worker_ = task.path();
  }
  if (worker_.empty()) throw std::runtime_error("testpmd has no thread that forwards");
}

}  // namespace millrace::bench
