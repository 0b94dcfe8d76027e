#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An #include goes down the layers, never up and never sideways between siblings; libraries stay behind walls."""

import re

import tree

# Lowest first; the folders of one line are siblings, blind to each other. doc/architecture.md draws the same.
LAYERS = [
    ["lib/base"],
    ["lib/wire"],
    ["lib/stats"],
    ["lib/pkt", "lib/timer"],
    ["lib/env", "lib/bpf"],
    ["lib/port"],
    ["drivers"],
    ["drivers/virtio_net", "drivers/igb", "drivers/ena", "drivers/vdev"],
    ["lib/poll", "lib/gro", "lib/gso", "lib/steer", "lib/capture", "lib/hook", "drivers/ethdev", "drivers/sim", "drivers/vlan"],
    ["lib/stack/neighbor"],
    ["lib/stack/group"],
    ["lib/stack/ip"],
    ["lib/stack/icmp", "lib/stack/udp", "lib/stack/tcp", "lib/stack/raw", "lib/stack/addrconf", "lib/stack/loopback"],
    ["lib/stack/dhcp"],
    ["lib/stack/socket"],
    ["lib/stack"],
    ["lib/control"],
    ["lib/config"],
    ["lib/runtime"],
    ["lib/capi"],
    ["lib/engine"],
]
RANK = {folder: rank for rank, folders in enumerate(LAYERS) for folder in folders}
# What applications and examples may see beside files of their own; an Engine is built from a Config.
FOR_APPLICATIONS = {"lib/engine", "lib/capi", "lib/config", "lib/stack/socket", "lib/base", "lib/wire"}

# A library's headers, and the folders and files that may include them. Tests may use anything.
WALLS = [
    (re.compile(r"<rte_"), ("lib/pkt/", "lib/port/", "lib/runtime/", "lib/bpf/", "drivers/")),
    (re.compile(r"<pcap"), ("lib/bpf/",)),
    (re.compile(r"<numa"), ("lib/runtime/",)),
    (re.compile(r"<yaml-cpp/"), ("lib/config/loader",)),
    (re.compile(r"<(tbb|oneapi)/"), ("lib/engine/", "lib/runtime/", "apps/", "examples/")),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"][^>"]+[>"])')


def folder_of(path):
    """The layer's folder of a file: the longest one in the table that holds it."""
    parts = path.split("/")[:-1]
    for n in range(len(parts), 0, -1):
        if "/".join(parts[:n]) in RANK:
            return "/".join(parts[:n])
    return "/".join(parts[:2])


def included_path(spelling):
    name = spelling[1:-1]
    return "lib/" + name.removeprefix("millrace/") if name.startswith("millrace/") else name


def judge(path, spelling):
    """Why `path` may not include `spelling`, or None."""
    for header, allowed in WALLS:
        if header.match(spelling) and not path.startswith(allowed):
            return f"{spelling} stays in {', '.join(allowed)}"
    target = included_path(spelling)
    if not target.startswith(("lib/", "drivers/")):
        quoted = spelling.startswith('"') and path.startswith("lib/")
        return f"{spelling}: a file of lib/ is included as <millrace/...>" if quoted else None
    mine, theirs = folder_of(path), folder_of(target)
    if path.startswith(("apps/", "examples/")):
        return None if theirs in FOR_APPLICATIONS else f"{mine} sees only {', '.join(sorted(FOR_APPLICATIONS))}"
    if theirs not in RANK:
        return f"{theirs} is not in the list of layers"
    if mine == theirs or RANK[theirs] < RANK[mine]:
        return None
    return f"{mine} includes {'its sibling' if RANK[mine] == RANK[theirs] else 'upward'} {theirs}"


def check(files):
    for path, text in files.items():
        if not path.startswith(("lib/", "drivers/", "apps/", "examples/")) or not path.endswith(tree.CPP):
            continue
        if path.startswith(("lib/", "drivers/")) and folder_of(path) not in RANK:
            yield path, 1, f"{folder_of(path)} is not in the list of layers"
            continue
        for number, line in tree.lines(tree.code_only(text, keep_strings=True)):
            include = INCLUDE.match(line)
            complaint = include and judge(path, include.group(1))
            if complaint:
                yield path, number, complaint


PLANTED = [
    {"lib/base/a.hpp": "#include <millrace/wire/b.hpp>"},
    {"lib/gro/a.cpp": "#include <millrace/steer/b.hpp>"},
    {"lib/stack/ip/a.cpp": "#include <millrace/stack/tcp/b.hpp>"},
    {"lib/stack/udp/a.cpp": "#include <millrace/stack/tcp/b.hpp>"},
    {"drivers/ethdev/a.cpp": "#include <millrace/runtime/b.hpp>"},
    {"apps/x/main.cpp": "#include <millrace/stack/tcp/b.hpp>"},
    {"lib/stack/tcp/a.cpp": "#include <rte_mbuf.h>"},
    {"lib/config/check.cpp": "#include <yaml-cpp/yaml.h>"},
    {"lib/gro/a.cpp": '#include "b.hpp"'},
    {"lib/novelty/a.cpp": ""},
]
CLEAN = [
    {"lib/stack/tcp/a.cpp": "#include <millrace/stack/ip/b.hpp>\n// #include <millrace/engine/e.hpp>"},
    {"lib/config/loader.cpp": "#include <yaml-cpp/yaml.h>"},
    {"examples/echo/main.cpp": '#include <millrace/engine/engine.hpp>\n#include "examples/echo/b.hpp"'},
]

if __name__ == "__main__":
    tree.run(check, PLANTED, CLEAN)
