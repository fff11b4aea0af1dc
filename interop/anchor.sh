#!/usr/bin/env bash
# The anchor on Ethereum against go-ethereum's simulated chain (interop/anchor),
# of the version in go.mod.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need go "Go, of the version in go.mod"
count_cases go_cases ./anchor
grep -oE '[0-9]+ gas .*' "$work/go.log" || true
report "go-ethereum (anchor)" "$(go -C "$repository/interop" list -m -f '{{.Version}}' github.com/ethereum/go-ethereum)"
finish
