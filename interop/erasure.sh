#!/usr/bin/env bash
# Consumers of others over erased records: they skip the offsets, and come to the
# end. Apache Kafka's own, of the version in kafka/pom.xml, and kcat (librdkafka).
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=java/cases.sh
source "$(dirname "$0")/java/cases.sh"

need kcat "on Debian: apt-get install kcat"
export KAFKA_HEAP_OPTS="-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

build_evident
start_evident

# erase RECORDS...: has them destroyed.
erase() {
	"$evident" erase --yes --url "http://$http" --token-file "$work/data/http-token" "$@"
}

# some TOPIC CODEC: 100 records, of which the first, the last and some between are
# erased, so that batches are left without records, and one more behind them.
# $work/want has what is left.
some() {
	"$evident" topic create "$1" --partitions 1 --brokers "$kafka"
	for from in 1 11 81 91; do
		seq "$from" $((from == 11 ? 80 : from + 9)) | "$evident" produce "$1" --compression "$2" --brokers "$kafka"
	done
	erase "$1/0@0-9" "$1/0@50" "$1/0@90-99"
	echo last | "$evident" produce "$1" --brokers "$kafka"
	seq 100 | sed -e '1,10d' -e 51d -e '91,$d' >"$work/want"
	echo last >>"$work/want"
}

# ends TOPIC: erases the end, too, behind which nothing follows.
ends() {
	erase "$1/0@100"
	sed -i '$d' "$work/want"
}

java_reads() {
	some "java-$1" "$1"
	for isolation in read_uncommitted read_committed; do
		kafka console-consumer --topic "java-$1" --group "java-$1-$isolation" --from-beginning \
			--isolation-level "$isolation" --max-messages 80 --timeout-ms 60000 >"$work/out"
		diff "$work/want" "$work/out"
	done
	kafka consumer-groups --describe --group "java-$1-read_committed" >"$work/out"
	grep -qE "java-$1 +0 +101 +101 +0 " "$work/out"
}

# A consumer that waits behind erased records gets what comes next.
java_waits() {
	some java-end none
	ends java-end
	kafka console-consumer --topic java-end --partition 0 --offset 85 --max-messages 6 --timeout-ms 60000 >"$work/out" &
	local consumer=$!
	sleep 3 # at the end
	echo next | "$evident" produce java-end --brokers "$kafka"
	wait "$consumer"
	(seq 86 90 && echo next) | diff - "$work/out"
}

kcat_reads() {
	some "kcat-$1" "$1"
	timeout 60 kcat -b "$kafka" -C -t "kcat-$1" -p 0 -o beginning -e -q >"$work/out"
	diff "$work/want" "$work/out"
	ends "kcat-$1"
	timeout 60 kcat -b "$kafka" -C -t "kcat-$1" -p 0 -o beginning -e -q >"$work/out"
	diff "$work/want" "$work/out"
	timeout 60 kcat -b "$kafka" -G "kcat-$1" -e -q -X auto.offset.reset=earliest "kcat-$1" >"$work/out"
	diff "$work/want" "$work/out"
}

say "Kafka's console consumer"
for codec in none zstd; do
	check "$codec: erased records are skipped, and the group is at the end" java_reads "$codec"
done
check "behind erased records a consumer waits for the next" java_waits
report "kafka-tools (Java), erased records" "$(sed -n 's:.*<kafka.tools.version>\(.*\)</kafka.tools.version>.*:\1:p' "$repository/interop/kafka/pom.xml")"

say kcat
for codec in none gzip zstd; do
	check "$codec: erased records are skipped, in a group too" kcat_reads "$codec"
done
report "kcat, erased records" "$(kcat -V | grep -oP 'Version \K[0-9.]+') (librdkafka $(kcat -V | grep -oP 'librdkafka \K[0-9.]+'))"

finish
