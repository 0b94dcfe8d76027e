#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hard caps: a function has 70 lines, a file 600, a header 250; blocks nest 3 deep, a lambda being one.

Tests may nest deeper, in loops over what they combine. A line `// size: reason` exempts: above a function or in its
first lines that function, in the first ten lines the file.
"""

import ast
import re

import tree

FUNCTION, FILE, HEADER, NESTING = 70, 600, 250, 3
EXEMPT = re.compile(r"(//|#) size: \w")

SCOPE = re.compile(r'(template\b.*>\s*)?(inline\s+)?((namespace|class|struct|union|enum)\b|extern\s*"")[^=]*$', re.DOTALL)
SPECIFIERS = r"(\s*(const|noexcept|override|final|mutable|constexpr|&&?))*"
RETURNS = r"(\s*->[^;{}()]*)?\s*$"
FUNCTION_HEAD = re.compile(r"\)" + SPECIFIERS + RETURNS)
CONSTRUCTOR = re.compile(r"\)" + SPECIFIERS + r"\s*:(?!:)")
LAMBDA = re.compile(r"\[[^\[\]]*\]\s*(<[^()]*>)?\s*(\((?:[^()]|\([^()]*\))*\))?" + SPECIFIERS + RETURNS)
CASE = re.compile(r"\s*(case\b[^?]*?(?<!:)|default\s*):(?!:)\s*")
CONTROL = re.compile(r"\s*(if|for|while|switch|catch|do|else|try)\b(\s*constexpr)?\s*")
MACRO_BLOCK = re.compile(r"\s*[A-Z][A-Z_]+\s*\(.*\)\s*$", re.DOTALL)


def without_preprocessor(text):
    return re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: "\n" * m.group().count("\n"), text, flags=re.MULTILINE)


def behind_parentheses(text):
    """`text` without the pair of parentheses that it begins with, if it does."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return text[i + 1 :] if c == ")" else text
    return text


def control_levels(head):
    """How many control statements open in `head` right before its block; 0 if something else does."""
    head = CASE.sub("", head, count=1)
    levels = 0
    while keyword := CONTROL.match(head):
        levels += keyword.group(1) != "else" or not CONTROL.match(head[keyword.end() :])
        head = behind_parentheses(head[keyword.end() :])
    return 0 if head.strip() else levels


def classify(head, in_function):
    """(kind, levels of nesting) of the block that "{" opens after `head`."""
    if SCOPE.match(head.strip()):
        return "scope", 0
    if LAMBDA.search(head):
        return ("block", 1) if in_function else ("function", 0)
    if in_function:
        levels = 1 if MACRO_BLOCK.match(head) else control_levels(head)
        return ("block", levels) if levels or not CASE.sub("", head, count=1).strip() else ("list", 0)
    is_function = FUNCTION_HEAD.search(head) or (CONSTRUCTOR.search(head) and head.rstrip()[-1] in ")}")
    return ("function", 0) if is_function else ("list", 0)


class Scanner:
    """Follows the braces of one file; functions() yields (first line, last line, deepest nesting)."""

    def __init__(self, text):
        self.text = without_preprocessor(tree.code_only(text))
        self.stack = []  # (kind, levels, head, line of the head, line of the brace)
        self.head, self.first = "", 1

    def functions(self):
        number, parentheses, deepest = 1, [0], 0
        for c in self.text:
            number += c == "\n"
            if c == "{":
                in_function = any(kind == "function" for kind, *_ in self.stack)
                kind, levels = classify(self.head, in_function)
                self.stack.append((kind, levels, self.head, self.first, number))
                deepest = 0 if kind == "function" else deepest
                parentheses.append(0)
                self.head = ""
            elif c == "}" and self.stack:
                depth = sum(levels for _, levels, *_ in self.stack)
                kind, levels, head, first, opened = self.stack.pop()
                # A block that opens and closes in one line adds no indentation.
                deepest = max(deepest, depth if levels and number > opened else 0)
                parentheses.pop()
                if kind == "function":
                    yield first, number, deepest
                # A braced list is a part of its statement, any other block ends one.
                self.head, self.first = (head + "{}", first) if kind == "list" else ("", number)
            elif c == ";" and parentheses[-1] == 0:
                self.head = ""
            else:
                parentheses[-1] += (c == "(") - (c == ")")
                if not self.head.strip():
                    self.first = number
                self.head += c


def is_exempt(text_lines, first):
    above = first - 2
    while above >= 0 and text_lines[above].lstrip().startswith("//"):
        above -= 1
    return any(EXEMPT.search(line) for line in text_lines[above + 1 : first + 2])


def check_cpp(path, text):
    text_lines = text.split("\n")
    for first, last, deepest in Scanner(text).functions():
        if is_exempt(text_lines, first):
            continue
        if last - first + 1 > FUNCTION:
            yield path, first, f"a function of {last - first + 1} lines; {FUNCTION} is the cap"
        if deepest > NESTING and not path.startswith("tests/"):
            yield path, first, f"blocks nest {deepest} deep in this function; {NESTING} is the cap"


def check_python(path, text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > FUNCTION:
            yield path, node.lineno, f"a function of {node.end_lineno - node.lineno + 1} lines; {FUNCTION} is the cap"


def check(files):
    for path, text in files.items():
        if not path.endswith((*tree.CPP, ".py")):
            continue
        cap = HEADER if path.endswith((".hpp", ".h")) else FILE
        count = text.count("\n")
        if count > cap and not any(EXEMPT.search(line) for line in text.split("\n")[:10]):
            yield path, 1, f"{count} lines; {cap} is the cap"
        yield from check_python(path, text) if path.endswith(".py") else check_cpp(path, text)


LONG = "\n".join(["  x();"] * 70)
NESTED = "if (a) {\n for (;;) {\n while (b) {\n %s {\n}\n}\n}\n}"
PLANTED = [
    {"a.cpp": "\n" * 601},
    {"a.hpp": "\n" * 251},
    {"a.cpp": f"void f() {{\n{LONG}\n}}\n"},
    {"a.cpp": f"class A {{\n int a_{{0}};\n A(int x) : a_{{x}},\n b_(x) {{\n{LONG}\n}}\n}};\n"},
    {"a.cpp": f"namespace n {{\nauto f(int x) const noexcept -> std::vector<int> {{\n{LONG}\n}}\n}}"},
    {"a.cpp": f'TEST_CASE("a {{ in a string") {{ // and }} here\n{LONG}\n}}'},
    {"a.cpp": "void f() {\n" + NESTED % "if (c)" + "\n}"},
    {"a.cpp": "void f() {\n" + NESTED % "g([&](int x)" + "\n}"},
    {"a.cpp": "void f() {\n" + NESTED % "switch (c)" + "\n}"},
    {"a.cpp": "void f() {\n" + NESTED.replace("for (;;)", "for (;;) if (x())") % "" + "\n}"},
    {"a.py": "def f():\n" + "    g()\n" * 70},
]
CLEAN = [
    {"a.cpp": f"// size: a table, read as a whole\nvoid f() {{\n{LONG}\n}}\n"},
    {"a.cpp": "void f() {\n" + NESTED % "auto x = std::array<int, 2>" + "\n}"},
    {"a.cpp": "constexpr int table[] = {\n" + "  1,\n" * 80 + "};"},
    {"a.cpp": "void f() {\n if (a) {\n} else if (b) {\n} else if (c) {\n} else if (d) {\n } else {\n}\n}"},
    {"a.cpp": "void f() {\n" + NESTED % "g([](int x) { h(); });\n if (c) { h(); }\n {" + "\n}"},
    {"tests/a.cpp": "void f() {\n" + NESTED % "if (c)" + "\n}"},
    {"a.cpp": f"struct S {{\n{LONG.replace('x()', 'int x')}\n}};"},
]

if __name__ == "__main__":
    tree.run(check, PLANTED, CLEAN)
