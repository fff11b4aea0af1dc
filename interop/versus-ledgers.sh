#!/usr/bin/env bash
# Evident's ledger beside Tessera's POSIX driver and immudb's server, on the same
# machine and disk, in turns: entries a second, from the first that is sent until
# all are durable and provable, and the processor's time of the process that keeps
# the ledger. Prints the table of docs/benchmarks.md, "Beside other ledgers".
#
#   interop/versus-ledgers.sh [--rounds N] [--duration 5s]
#
# Programs and versions are those of interop/versus/go.mod. TMPDIR chooses the
# disk. Only what is measured runs.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

rounds=3 duration=5s
while [ $# -gt 1 ]; do
	case $1 in
	--rounds) rounds=$2 ;;
	--duration) duration=$2 ;;
	*) echo "versus-ledgers.sh: unknown option $1: want --rounds or --duration" >&2 && exit 2 ;;
	esac
	shift 2
done

results=$work/results # ledger, figure, value
ledgers=(evident tessera immudb)
versus=$work/versus
immudb_pid=
trap 'stop_immudb; cleanup' EXIT

stop_immudb() {
	if [ -n "$immudb_pid" ]; then
		kill "$immudb_pid" 2>/dev/null || true
		wait "$immudb_pid" 2>/dev/null || true
		immudb_pid=
	fi
}

# start_immudb: sets immudb_pid and immudb (host:port).
start_immudb() {
	# Its client keeps a state below the folder that it is in.
	(cd "$work" && exec "$versus" -where "$work/immudb" immudb-server) >"$work/immudb.log" 2>&1 &
	immudb_pid=$!
	for _ in $(seq 300); do
		immudb=$(grep -aoP '^ready \K.*' "$work/immudb.log") && sleep 1 && return
		sleep 0.1
	done
	echo "immudb did not become ready:" >&2
	cat "$work/immudb.log" >&2
	return 1
}

# measure LEDGER SIZE: notes what versus prints.
measure() {
	local out
	case $1 in
	evident)
		start_evident >&2
		out=$("$versus" -size "$2" -duration "$duration" -where "$kafka" -http "$http" -pid "$evident_pid" evident)
		stop_evident
		rm -rf "$work/data"
		;;
	tessera)
		out=$("$versus" -size "$2" -duration "$duration" -where "$work/tessera" tessera 2>>"$work/tessera.log")
		rm -rf "$work/tessera"
		;;
	immudb)
		start_immudb
		out=$(cd "$work" && "$versus" -size "$2" -duration "$duration" -where "$immudb" -http "$work" -pid "$immudb_pid" immudb)
		stop_immudb
		rm -rf "$work/immudb"
		;;
	esac
	printf '%s\t%s bytes, entries/s\t%s\n' "$1" "$2" "$(grep -oP '"entries_per_second":\K[0-9.e+]+' <<<"$out")" >>"$results"
	printf '%s\t%s bytes, CPU, µs an entry\t%s\n' "$1" "$2" "$(grep -oP '"cpu_us_per_entry":\K[0-9.e+-]+' <<<"$out")" >>"$results"
}

need go "Go, of the version in go.mod"
build_evident
go -C "$repository/interop/versus" build -o "$versus" .
for round in $(seq "$rounds"); do
	for size in 100 1024; do
		for i in "${!ledgers[@]}"; do # another one comes first in each round
			ledger=${ledgers[(i + round - 1) % ${#ledgers[@]}]}
			say "round $round: $ledger, $size bytes" >&2
			measure "$ledger" "$size"
		done
	done
done
medians "$results" "${ledgers[@]}"
