#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every source opens with its licence; a .cpp then says its job, a header is included once."""

import tree

LICENCE = "SPDX-License-Identifier: BSD-3-Clause"
SOURCES = (*tree.CPP, ".def", ".py", ".sh", ".build", ".yaml", ".yml", ".bt")


def check(files):
    for path, text in files.items():
        is_script = text.startswith("#!")
        if not text.strip() or not (path.endswith(SOURCES) or is_script):
            continue
        first_lines = text.split("\n")
        line = 1 if is_script else 0
        if LICENCE not in first_lines[line]:
            yield path, line + 1, f"no {LICENCE}"
        if path.endswith(".cpp") and path.startswith(("lib/", "drivers/")) and not text.split("\n")[1].startswith("//"):
            yield path, 2, "the file does not say what its job is and who calls it"
        if path.endswith((".hpp", ".h")) and "#pragma once" not in first_lines:
            yield path, 1, "no #pragma once"


PLANTED = [
    {"lib/a.cpp": "int x;\n// why\n"},
    {"lib/a.hpp": f"// {LICENCE}\nint x;\n"},
    {"lib/a.cpp": f"// {LICENCE}\nint x;\n"},
    {"run": "#!/bin/sh\necho\n"},
]
CLEAN = [
    {"lib/a.cpp": f"// {LICENCE}\n// Does a thing.\n"},
    {"run": f"#!/bin/sh\n# {LICENCE}\n"},
    {"lib/meson.build": ""},
    {"README.md": "text"},
]

if __name__ == "__main__":
    tree.run(check, PLANTED, CLEAN)
