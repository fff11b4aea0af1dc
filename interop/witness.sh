#!/usr/bin/env bash
# Witnesses and logs that others wrote (interop/witness): litewitness, of the
# version in witness/litewitness/go.mod, and a log of Tessera, of that in go.mod.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need go "Go, of the version in go.mod"
need sqlite3 "Debian: sqlite3"
build_evident
say "building litewitness"
go -C "$repository/interop/witness/litewitness" build -o "$work/litewitness" filippo.io/torchwood/cmd/litewitness

# checks TESTS: the tests whose names match.
checks() { count_cases go_cases ./witness -program "$evident" -litewitness "$work/litewitness" -run "$1"; }

say "litewitness"
checks '^Test(Growth|AFolder|OfTwo)/^litewitness$'
report "litewitness (witness)" "$(go -C "$repository/interop/witness/litewitness" list -m -f '{{.Version}}' filippo.io/torchwood)"

say "evident witness"
checks '^Test(Growth|AFolder|OfTwo)/^evident-witness$'
report "torchwood (of evident witness)" "$(go -C "$repository/interop" list -m -f '{{.Version}}' filippo.io/torchwood)"

say "Tessera"
checks '^TestALogOfTessera'
report "Tessera (witnessed)" "$(go -C "$repository/interop" list -m -f '{{.Version}}' github.com/transparency-dev/tessera)"
finish
