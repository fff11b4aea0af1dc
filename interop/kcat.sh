#!/usr/bin/env bash
# Produces and consumes with kcat (librdkafka), in all compressions, and checks
# that what comes out is what went in: kcat to kcat, kcat to evident, evident
# to kcat. Installs kcat with apt-get where it is missing.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

if ! command -v kcat >/dev/null; then
	say "installing kcat"
	apt-get update -qq
	apt-get install -y -qq kcat >/dev/null
fi
kcat -V | head -n 2

build_evident
start_evident
export EVIDENT_BROKERS=$kafka

# Lines of words that compress, each different, some of them long.
lines=20000
for i in $(seq "$lines"); do
	printf 'order %d of customer %d, %*s paid\n' "$i" $((i % 97)) $((i % 61)) ''
done >"$work/in"

# same WHAT FILE: FILE must hold the lines that went in.
same() {
	if ! cmp -s "$work/in" "$2"; then
		echo "FAILED $1: $(wc -l <"$2") lines came out, $lines went in"
		diff "$work/in" "$2" | head -n 5
		exit 1
	fi
	echo "ok $1"
}

passed=0
for codec in none gzip snappy lz4 zstd; do
	topic="kcat-$codec"
	"$evident" topic create "$topic" --partitions 1 >/dev/null

	kcat -b "$kafka" -P -t "$topic" -p 0 -z "$codec" -X enable.idempotence=true <"$work/in"
	kcat -b "$kafka" -C -t "$topic" -p 0 -o beginning -e -q >"$work/out"
	same "$codec: kcat to kcat" "$work/out"
	"$evident" consume "$topic" --offset start --stop-at-end --format '{{.Value}}' >"$work/out"
	same "$codec: kcat to evident" "$work/out"

	"$evident" topic create "evident-$codec" --partitions 1 >/dev/null
	"$evident" produce "evident-$codec" --compression "$codec" <"$work/in"
	kcat -b "$kafka" -C -t "evident-$codec" -p 0 -o beginning -e -q >"$work/out"
	same "$codec: evident to kcat" "$work/out"
	passed=$((passed + 3))
done

# A balanced consumer group, and the offsets it commits.
kcat -b "$kafka" -G readers -e -q -X auto.offset.reset=earliest kcat-none >"$work/out"
same "consumer group" "$work/out"
kcat -b "$kafka" -G readers -e -q -X auto.offset.reset=earliest kcat-none >"$work/out"
if [ -s "$work/out" ]; then
	echo "FAILED committed offsets: the group read $(wc -l <"$work/out") lines again"
	exit 1
fi
echo "ok committed offsets"
printf '%d passed, 0 failed\n' $((passed + 2))
