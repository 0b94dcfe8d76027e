#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Time and chance are parameters below runtime/; packets change hands by type; names say what a thing is."""

import re

import tree

ABOVE = ("lib/runtime/", "lib/engine/", "lib/capi/")

# What code below runtime/ may not do, since every run has to be repeatable from its seed.
AMBIENT = [
    (r"\w*[Cc]lock\w*::now\s*\(", "reads a clock; the time is env.now"),
    (r"\b(clock_gettime|gettimeofday|timespec_get|rte_rdtsc\w*|rte_get_\w+_cycles|_?_?rdtscp?)\b", "reads a clock"),
    (r"(?<![\w.>])time\s*\(\s*(NULL|nullptr|0|&)", "reads a clock"),
    (r"\b(s?rand|random|getrandom|getentropy|arc4random|rte_rand)\s*\(", "draws its own chance; use env.rng"),
    (r"\b(random_device|mt19937\w*|default_random_engine)\b", "draws its own chance; use env.rng"),
    (r"\b(getpid|gettid|rte_lcore_id|this_thread)\b", "asks who runs it; use env.lcore"),
    (r"\b(thread_local|__thread|RTE_DEFINE_PER_LCORE)\b", "keeps state by thread; use Env"),
]
AMBIENT = [(re.compile(pattern), message) for pattern, message in AMBIENT]
UNORDERED = re.compile(r"\bunordered_(?:map|set|multimap|multiset)\b[^;(){}]*>\s*(\w+)\s*[;{=]")

OWNERSHIP = re.compile(r"\bPacket::adopt\s*\(")
MAY_ADOPT = ("lib/pkt/", "lib/port/", "lib/runtime/worker_ring", "drivers/")

BANNED = re.compile(r"(?:^|_)(managers?|helpers?|utils?|misc|common|handler_impl|process_data)(?=_|$)")
IDENTIFIER = re.compile(r"(?<!std::)(?<!Catch::)\b(?!rte_|RTE_|std_)[A-Za-z_]\w*")


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def banned_word(name):
    found = BANNED.search(snake(name))
    return found and found.group(1)


def check_path(path):
    for part in path.removeprefix("apps/common/").split("/"):
        word = banned_word(re.sub(r"\W", "_", part))
        if word:
            yield path, 1, f'"{word}" in a file\'s name says nothing of what it is'


def check_names(path, number, line):
    if re.match(r"\s*#\s*include", line):
        return
    for name in IDENTIFIER.findall(line):
        word = banned_word(name)
        if word:
            yield path, number, f'"{word}" in {name} says nothing of what it is'


def check_repeatable(path, text):
    held = set(UNORDERED.findall(text))
    for number, line in tree.lines(text):
        for pattern, message in AMBIENT:
            # What DPDK itself keeps by its lcore id: a pool's cache, its timers.
            is_its_own = (path == "lib/pkt/pool.cpp" and "rte_mempool_default_cache(" in line) or (path == "drivers/ethdev/watchdog.cpp" and "rte_lcore_id() == LCORE_ID_ANY" in line)
            if pattern.search(line) and not is_its_own:
                yield path, number, message
        loop = re.search(r"for\s*\([^;]*:\s*(?:this->)?(\w+)\s*\)", line) or re.search(r"\b(\w+)\.c?begin\s*\(", line)
        if loop and loop.group(1) in held:
            yield path, number, f"iterates {loop.group(1)}, whose order is not given"
        if OWNERSHIP.search(line) and not path.startswith(MAY_ADOPT):
            yield path, number, f"Packet::adopt() is for {', '.join(MAY_ADOPT)}"


def check(files):
    for path, text in files.items():
        yield from check_path(path)
        if not path.endswith(tree.CPP):
            continue
        code = tree.code_only(text)
        for number, line in tree.lines(code):
            yield from check_names(path, number, line)
        if path.startswith(("lib/", "drivers/")) and not path.startswith(ABOVE):
            yield from check_repeatable(path, code)


PLANTED = [
    {"lib/ip/a.cpp": "auto t = std::chrono::steady_clock::now();"},
    {"lib/ip/a.cpp": "auto t = time(nullptr);"},
    {"drivers/sim/a.cpp": "int x = rand();"},
    {"lib/ip/a.cpp": "std::random_device d;"},
    {"lib/ip/a.cpp": "static thread_local int x;"},
    {"lib/ip/a.cpp": "auto id = getpid();"},
    {"lib/ip/a.cpp": "auto t = rte_rdtsc();"},
    {"lib/ip/a.cpp": "std::unordered_map<int, std::vector<int>> m_;\nfor (auto& x : m_) f(x);"},
    {"lib/tcp/a.cpp": "auto p = pkt::Packet::adopt(m);"},
    {"lib/ip/a.cpp": "class PacketManager;"},
    {"lib/ip/a.cpp": "void process_data();"},
    {"lib/ip/string_utils.hpp": ""},
    {"lib/common/a.hpp": ""},
]
CLEAN = [
    {"lib/runtime/a.cpp": "auto t = std::chrono::steady_clock::now();"},
    {"lib/ip/a.cpp": '// now() of a helper, rand()\nf("Clock::now(");'},
    {"lib/ip/a.cpp": "Instant Sockets::now() const { return env_.now; }"},
    {"lib/ip/a.cpp": "x.operand(); wheel.next_time(0); std::common_type_t<int, long> y;"},
    {"apps/common/a.cpp": ""},
]

if __name__ == "__main__":
    tree.run(check, PLANTED, CLEAN)
