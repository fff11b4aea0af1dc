#!/usr/bin/env bash
# Evident beside Apache Kafka, on the same machine and disk, in turns, with the
# same clients: Kafka's Java producer and librdkafka's (kcat). Prints the tables
# of docs/benchmarks.md, "Beside Apache Kafka".
#
#   interop/versus-kafka.sh [--rounds N] [--records N]
#
# Kafka runs twice: fsynced, with log.flush.interval.messages=1 and so as safe
# as Evident is by default, and unsynced, as it comes. Evident runs without its
# ledger, for which Kafka has no match. Only the server that is measured runs. TMPDIR chooses the disk.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

rounds=3 records=4000000
while [ $# -gt 1 ]; do
	case $1 in
	--rounds) rounds=$2 ;;
	--records) records=$2 ;;
	*) echo "versus-kafka.sh: unknown option $1: want --rounds or --records" >&2 && exit 2 ;;
	esac
	shift 2
done
command -v kcat >/dev/null || {
	echo "versus-kafka.sh: there is no kcat: install it, on Debian with: apt-get install kcat" >&2
	exit 1
}

kafka_sh=$repository/interop/kafka.sh
results=$work/results # server, figure, value
servers=(evident kafka-fsync kafka)

# start SERVER: sets kafka (host:port) and pid.
start() {
	case $1 in
	evident)
		start_evident --listen-kafka 127.0.0.1:0 --ledger off >&2
		pid=$evident_pid
		;;
	kafka-fsync) start_kafka --set log.flush.interval.messages=1 ;;
	kafka) start_kafka ;;
	esac
}

start_kafka() {
	kafka=$("$kafka_sh" start --dir "$work/kafka" --set num.partitions=10 "$@")
	pid=$(cat "$work/kafka/node-1/pid")
}

# stop SERVER, with its data.
stop() {
	if [ "$1" = evident ]; then
		stop_evident
		rm -rf "$work/data"
	else
		"$kafka_sh" stop --dir "$work/kafka"
	fi
}

note() {
	printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$results"
}

# cpu: the server's processor time so far, in µs.
cpu() {
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) * 1e6 / hz }' "/proc/$pid/stat"
}

now_ms() {
	date +%s%3N
}

# age: how long ago the server's process began, in ms.
age() {
	awk -v hz="$(getconf CLK_TCK)" -v up="$(cut -d' ' -f1 /proc/uptime)" \
		'{ sub(/.*\) /, ""); printf "%d", (up - $20 / hz) * 1000 }' "/proc/$pid/stat"
}

# first_record SERVER: from the start of the process to the first record acknowledged.
first_record() {
	start "$1"
	"$evident" topic create first -p 1 -b "$kafka" >/dev/null
	echo hello | "$evident" produce first -b "$kafka" >/dev/null
	note "$1" "start to first record, ms" "$(age)"
}

# java SERVER SIZE: Kafka's own producer as fast as it can, after a warm-up.
java() {
	local topic=java-$2 count=$((records * 100 / ($2 + 300))) before out
	"$evident" topic create "$topic" -p 10 -b "$kafka" >/dev/null
	perf "$topic" "$2" $((count / 4)) -1 >/dev/null
	before=$(cpu)
	out=$(perf "$topic" "$2" "$count" -1)
	note "$1" "Java, $2 bytes, records/s" "$(sed -n 's:.* \([0-9.]*\) records/sec.*:\1:p' <<<"$out")"
	note "$1" "Java, $2 bytes, server CPU, µs a record" "$(awk -v a="$before" -v b="$(cpu)" -v n="$count" 'BEGIN { print (b - a) / n }')"
}

# perf TOPIC SIZE COUNT RATE: the last line of kafka-producer-perf-test.
perf() {
	KAFKA_HEAP_OPTS=-Xmx256m "$kafka_sh" tool kafka-producer-perf-test --topic "$1" --record-size "$2" --num-records "$3" \
		--throughput "$4" --producer-props "bootstrap.servers=$kafka" acks=all linger.ms=5 batch.size=262144 buffer.memory=67108864 2>&1 | tail -n 1
}

# latency SERVER: acknowledgements at 5,000 records a second.
latency() {
	local out
	"$evident" topic create steady -p 1 -b "$kafka" >/dev/null
	perf steady 100 25000 5000 >/dev/null
	out=$(perf steady 100 50000 5000)
	note "$1" "Java, 5,000 records/s, p50 ms" "$(sed -n 's:.* \([0-9]*\) ms 50th.*:\1:p' <<<"$out")"
	note "$1" "Java, 5,000 records/s, p99 ms" "$(sed -n 's:.* \([0-9]*\) ms 99th.*:\1:p' <<<"$out")"
}

# librdkafka SERVER: kcat sends a file's lines of 100 bytes.
librdkafka() {
	local began took before lines
	"$evident" topic create kcat -p 10 -b "$kafka" >/dev/null
	before=$(cpu) began=$(now_ms)
	kcat -P -b "$kafka" -t kcat -l -X acks=all -X linger.ms=5 -X queue.buffering.max.messages=1000000 "$work/lines"
	took=$(($(now_ms) - began))
	lines=$(wc -l <"$work/lines")
	note "$1" "librdkafka, 100 bytes, records/s" $((lines * 1000 / took))
	note "$1" "librdkafka, 100 bytes, server CPU, µs a record" "$(awk -v a="$before" -v b="$(cpu)" -v n="$lines" 'BEGIN { print (b - a) / n }')"
}

# memory SERVER FIGURE: resident memory.
memory() {
	note "$1" "$2" "$(awk '/^VmRSS/ { print $2 / 1024 }' "/proc/$pid/status")"
}

measure() {
	first_record "$1"
	memory "$1" "resident memory, just started, MiB"
	latency "$1"
	java "$1" 100
	java "$1" 1024
	librdkafka "$1"
	memory "$1" "resident memory, after the load, MiB"
	stop "$1"
}

build_evident
head -c 60000000 /dev/urandom | base64 -w 100 >"$work/lines"
for round in $(seq "$rounds"); do
	for i in "${!servers[@]}"; do # another one comes first in each round
		server=${servers[(i + round - 1) % ${#servers[@]}]}
		say "round $round: $server" >&2
		measure "$server"
	done
done
medians "$results" "${servers[@]}"
