#!/usr/bin/env bash
# Runs the demo in peace and while its node is killed (interop/demo): the numbers of its
# report are the same. KILLS (10) is how often.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need go "Go, of the version in go.mod"
build_evident
count_cases go_cases ./demo -program "$evident" -kills "${KILLS:-10}"
report "Evident (demo, kill -9)" "$("$evident" version -o json | grep -oP '"version": *"\K[^"]*')"
finish
