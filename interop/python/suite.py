"""Runs a file's cases: prints "ok NAME" or "FAILED NAME: why" for each.

A case is a function whose name begins with "case_"; its docstring is its name.
"""

import sys
import traceback
import uuid

SERVERS = sys.argv[1]


def unique(prefix):
    """A name for a topic or group that nobody has."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def equal(got, want, what="got"):
    if got != want:
        raise AssertionError(f"{what}: {shorten(got)}, wanted {shorten(want)}")


def shorten(value):
    text = repr(value)
    return text if len(text) < 400 else text[:400] + "…"


def run(names):
    failed = 0
    for function in [f for n, f in names.items() if n.startswith("case_")]:
        name = function.__doc__.strip()
        try:
            function()
            print(f"ok {name}", flush=True)
        except Exception as e:  # a case may fail in any way
            failed += 1
            print(f"FAILED {name}: {type(e).__name__}: {e}")
            print("    " + traceback.format_exc(limit=-2).replace("\n", "\n    "), flush=True)
    sys.exit(1 if failed else 0)
