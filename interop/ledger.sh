#!/usr/bin/env bash
# The ledger, checked by programs that others wrote (interop/ledger), of the
# versions in go.mod.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need go "Go, of the version in go.mod"
build_evident

# version MODULE: the one in go.mod.
version() {
	go -C "$repository/interop" list -m -f '{{.Version}}' "$1"
}

# checks PEER MODULE TESTS: the tests whose names begin with what is given.
checks() {
	say "$1"
	count_cases go_cases ./ledger -program "$evident" -run "^$3"
	report "$1" "$(version "$2")"
}

checks "torchwood (tlog-tiles, tlog-proof)" filippo.io/torchwood TestTorchwood
checks "transparency-dev/merkle" github.com/transparency-dev/merkle TestTheMerkleVerifier
checks "Tessera (fsck)" github.com/transparency-dev/tessera TestTessera

say "kill -9"
count_cases go_cases ./ledger -program "$evident" -run '^TestAKilledNode' -kills "${KILLS:-20}"
grep -oE '[0-9]+ kills, .*' "$work/go.log" || true
report "Evident (ledger, kill -9)" "$("$evident" version -o json | grep -oP '"version": *"\K[^"]*')"

finish
