#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Installs the public headers as <millrace/...>: those named here, and whatever they include. Run by meson install."""

import os
import re
import shutil
import sys
from pathlib import Path

LIB = Path(__file__).resolve().parent
# The facade, and the vocabulary that an application shares with it.
PUBLIC = ["base/*.hpp", "wire/*.hpp", "engine/engine.hpp", "engine/flame.hpp", "config/loader.hpp"]
INCLUDE = re.compile(r"^#include <millrace/([^>]+)>", re.MULTILINE)


def public_headers():
    waiting = [str(path.relative_to(LIB)) for pattern in PUBLIC for path in LIB.glob(pattern)]
    found = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += INCLUDE.findall((LIB / name).read_text())
    return sorted(found)


def main():
    target = Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"]) / sys.argv[1] / "millrace"
    for name in public_headers():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(LIB / name, target / name)
        if "MESON_INSTALL_QUIET" not in os.environ:
            print(f"Installing {name} to {target / name}")


if __name__ == "__main__":
    main()
