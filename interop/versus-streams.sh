#!/usr/bin/env bash
# Evident's processors beside Kafka Streams (exactly_once_v2) on Apache Kafka, on the
# same machine and disk, in turns, with the same work: records of 100 bytes in a topic
# that was filled before are copied to another topic ("identity"), or counted by key,
# with a changelog, each count being written ("count"). Prints the table of
# docs/benchmarks.md, "Beside Kafka Streams".
#
#   interop/versus-streams.sh [--rounds N] [--records N] [--keys N] [--threads N]
#
# Kafka runs twice: fsynced, with log.flush.interval.messages=1 and so as safe as
# Evident is by default, and unsynced, as it comes. On each of them there are Kafka
# Streams and, as a third, Evident's processors on Kafka instead of on their own broker.
#
# "evident-little" is Evident with Go's heap held at 150 MiB.
#
# Streams' record cache lets it write only the last count of each key in a transaction.
# "count" is without that cache, and so the same work; "count, cached" is as Streams
# comes, and less work. The rate is that of committed positions, without start and
# first rebalance. TMPDIR chooses the disk. Only what is measured runs.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

rounds=3 records=3000000 keys=100000 threads=2
while [ $# -gt 1 ]; do
	case $1 in
	--rounds) rounds=$2 ;;
	--records) records=$2 ;;
	--keys) keys=$2 ;;
	--threads) threads=$2 ;;
	*) echo "versus-streams.sh: unknown option $1: want --rounds, --records, --keys or --threads" >&2 && exit 2 ;;
	esac
	shift 2
done

kafka_sh=$repository/interop/kafka.sh
results=$work/results # system, figure, value
systems=(evident evident-little streams-fsync evident-on-kafka-fsync streams evident-on-kafka)
trap 'stop_kafka; cleanup' EXIT

# start_kafka [FLAG...]: sets kafka (host:port) and pid.
start_kafka() {
	kafka=$(KAFKA_HEAP_OPTS=-Xmx1g "$kafka_sh" start --dir "$work/kafka" "$@")
	pid=$(cat "$work/kafka/node-1/pid")
}

stop_kafka() {
	if [ -d "$work/kafka" ]; then
		"$kafka_sh" stop --dir "$work/kafka"
	fi
}

# forget: what the most memory was that the broker had begins anew.
forget() {
	echo 5 >"/proc/$pid/clear_refs"
}

# note SYSTEM PART NAME VALUE
note() {
	printf '%s\t%s\t%s\n' "$1" "$2: $3" "$4" >>"$results"
}

# processors SYSTEM PART [FLAG...]: measures Evident's.
processors() {
	local system=$1 part=$2 out
	shift 2
	out=$("$evident" bench process "$part" -p 4 -n "$records" --keys "$keys" --rounds 1 --disk-dir "$work" -o json "$@")
	note_processors records_per_second "records/s"
	note_processors cpu_us_per_record "CPU of the process, µs a record"
	note_processors cpu_with_broker_us_per_record "CPU with the broker, µs a record"
	note_processors peak_memory_mib "peak memory of the process, MiB"
	note_processors peak_memory_with_broker_mib "peak memory with the broker, MiB"
}

# note_processors NAME FIGURE: one of what processors has measured.
note_processors() {
	note "$system" "$part" "$2" "$(grep -oP "\"$1\": *\K[0-9.e+-]+" <<<"$out" | head -n 1)"
}

# streams SYSTEM PART TOPOLOGY CACHE: measures Kafka Streams.
streams() {
	local name value
	forget
	java -Xmx512m -cp "$classpath" -Dlog4j2.configurationFile="$repository/interop/kafka/log4j2-tools.xml" \
		"$repository/interop/java/Throughput.java" "$kafka" "$pid" "$3" filled "$work/streams" "$threads" "$4" \
		>"$work/streams.out" 2>"$work/streams.log" || {
		cat "$work/streams.log" >&2
		return 1
	}
	rm -rf "$work/streams"
	while IFS=$'\t' read -r name value; do
		note "$1" "$2" "$name" "$value"
	done <"$work/streams.out"
}

# on_kafka SUFFIX [FLAG...]: measures what runs on Kafka.
on_kafka() {
	local suffix=$1 part
	shift
	start_kafka "$@"
	for part in identity count; do # the first one fills the topic
		say "evident-on-kafka$suffix: $part" >&2
		forget
		processors "evident-on-kafka$suffix" "$part" --brokers "$kafka" --pid "$pid" --input filled
	done
	say "streams$suffix" >&2
	streams "streams$suffix" identity identity default
	streams "streams$suffix" count count 0
	streams "streams$suffix" "count, cached" count default
	stop_kafka
}

embedded() {
	local part
	for part in identity count; do
		say "evident: $part" >&2
		processors evident "$part"
		say "evident-little: $part" >&2
		GOMEMLIMIT=150MiB processors evident-little "$part"
	done
}

need go "Go, of the version in go.mod"
need java "Debian's openjdk-17-jdk-headless"
build_evident
classpath=$("$kafka_sh" classpath tools)
for round in $(seq "$rounds"); do
	say "round $round" >&2
	case $((round % 3)) in # another one comes first in each round
	0) order=(evident fsynced unsynced) ;;
	1) order=(unsynced evident fsynced) ;;
	2) order=(fsynced unsynced evident) ;;
	esac
	for system in "${order[@]}"; do
		case $system in
		evident) embedded ;;
		fsynced) on_kafka -fsync --set log.flush.interval.messages=1 ;;
		unsynced) on_kafka "" ;;
		esac
	done
done
medians "$results" "${systems[@]}"
