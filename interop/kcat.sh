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
start_guarded_evident
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

# Over TLS, logged in by each mechanism, both ways; and in plain text.
export EVIDENT_USER=$user EVIDENT_PASSWORD=$password
login=(-X "sasl.username=$user" -X "sasl.password=$password")
for mechanism in PLAIN SCRAM-SHA-256 SCRAM-SHA-512; do
	over_tls=(-b "$secure" -X security.protocol=SASL_SSL -X "ssl.ca.location=$work/cert.pem" -X "sasl.mechanism=$mechanism" "${login[@]}")
	command_over_tls=(--brokers "$secure" --tls-ca "$work/cert.pem" --sasl-mechanism "$mechanism")
	"$evident" topic create "kcat-$mechanism" "evident-$mechanism" "${command_over_tls[@]}" >/dev/null

	kcat "${over_tls[@]}" -P -t "kcat-$mechanism" -p 0 -X enable.idempotence=true <"$work/in"
	"$evident" consume "kcat-$mechanism" --stop-at-end "${command_over_tls[@]}" >"$work/out"
	same "$mechanism over TLS: kcat to evident" "$work/out"
	"$evident" produce "evident-$mechanism" "${command_over_tls[@]}" <"$work/in"
	kcat "${over_tls[@]}" -C -t "evident-$mechanism" -p 0 -o beginning -e -q >"$work/out"
	same "$mechanism over TLS: evident to kcat" "$work/out"
	kcat -b "$sasl" -X security.protocol=SASL_PLAINTEXT -X "sasl.mechanism=$mechanism" "${login[@]}" \
		-C -t "evident-$mechanism" -p 0 -o beginning -e -q >"$work/out"
	same "$mechanism in plain text: evident to kcat" "$work/out"
	if kcat "${over_tls[@]}" -X sasl.password=wrong -L -m 3 >"$work/out" 2>&1; then
		echo "FAILED $mechanism: a wrong password was accepted"
		exit 1
	fi
	echo "ok $mechanism: a wrong password is refused"
	passed=$((passed + 4))
done
printf '%d passed, 0 failed\n' $((passed + 2))
