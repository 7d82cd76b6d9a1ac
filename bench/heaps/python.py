# SPDX-License-Identifier: Apache-2.0
#
# A python process with a real heap: syntax trees and source text of its own standard library, until the process is as
# large as asked. Says "ready" and waits for its end.
#   python3 python.py MIB
import ast
import os
import pathlib
import sys
import sysconfig


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


# Descriptors that a terminal left open would stand in the way of a checkpoint.
os.closerange(3, 1024)

target = int(sys.argv[1]) << 20
files = sorted(pathlib.Path(sysconfig.get_paths()["stdlib"]).rglob("*.py"))
kept = {}
turn = 0
while resident() < target:
    path = files[turn % len(files)]
    turn += 1
    try:
        text = path.read_text()
        kept[turn, path.name] = (text, ast.parse(text))
    except (SyntaxError, UnicodeDecodeError, OSError, ValueError, RecursionError):
        continue
print("ready", flush=True)
sys.stdin.read()
