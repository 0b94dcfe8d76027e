#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Installs the build into a folder of its own and builds the program in outside/ against that, as a stranger would.

    check.py BUILD PREFIX LIBDIR SANITIZERS COMPILER...
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WARNINGS = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wno-unused-parameter", "-Werror"]


def run(*command, **options):
    result = subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE, **options)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {result.returncode}\n{result.stdout}")
    return result.stdout


def check_headers(include, compiler, flags, scratch):
    """Every installed header names no DPDK type and finds what it includes."""
    headers = sorted(path.relative_to(include) for path in include.rglob("*.hpp"))
    if not headers:
        sys.exit("no header was installed")
    for header in headers:
        if re.search(r"^\s*[^/\n]*\brte_", (include / header).read_text(), re.MULTILINE):
            sys.exit(f"<{header}> names an rte_ type")
    everything = scratch / "everything.cpp"
    everything.write_text("".join(f"#include <{header}>\n" for header in headers))
    run(*compiler, *WARNINGS, *flags, "-fsyntax-only", everything)
    print(f"{len(headers)} headers")


def main():
    build, prefix, libdir, sanitizers, *compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="millrace-install-") as scratch:
        scratch = Path(scratch)
        run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", scratch / "root")
        root = scratch / "root" / prefix.lstrip("/")
        os.environ["PKG_CONFIG_PATH"] = str(root / libdir / "pkgconfig")
        pkg_config = ["pkg-config", f"--define-variable=prefix={root}", "millrace"]
        flags = run(*pkg_config, "--cflags").split()
        libs = run(*pkg_config, "--libs").split()
        if sanitizers != "none":
            flags.append(f"-fsanitize={sanitizers}")
        check_headers(root / "include", compiler, flags, scratch)
        program = scratch / "outside"
        sources = sorted((HERE / "outside").glob("*.cpp"))
        run(*compiler, *WARNINGS, *flags, *sources, "-o", program, *libs, f"-Wl,-rpath,{root / libdir}")
        print(run(program), end="")


if __name__ == "__main__":
    main()
