#!/usr/bin/env bash
# The benchmarks of docs/benchmarks.md, against a server of their own on a
# temporary folder (TMPDIR chooses the disk). They are of the log: the ledger,
# which has figures of its own, is off.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

build_evident
start_evident --listen-kafka 127.0.0.1:0 --ledger off
export EVIDENT_BROKERS=$kafka
node=(--metrics-url "http://$http/metrics")
disk=(--disk-dir "$work")

# Latency comes first: deleting what the others leave keeps the disk busy.
say "latency at 5,000 records/s"
"$evident" bench latency "${node[@]}" "${disk[@]}" --rate 5000
say "latency of 1,000 partitions at 10 records/s each"
"$evident" bench latency "${node[@]}" "${disk[@]}" --partitions 1000 --rate 10000
for size in 100 1024; do
	say "produce, $size-byte records"
	"$evident" bench produce "${node[@]}" "${disk[@]}" --reference --size "$size"
	say "consume, $size-byte records"
	"$evident" bench consume "${node[@]}" --size "$size"
done
