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

# same FILE: it must hold the lines that went in.
same() {
	cmp -s "$work/in" "$1" || {
		echo "$(wc -l <"$1") lines came out, $lines went in:"
		diff "$work/in" "$1" | head -n 5
		return 1
	}
}

kcat_to_kcat() {
	"$evident" topic create "kcat-$1" --partitions 1
	kcat -b "$kafka" -P -t "kcat-$1" -p 0 -z "$1" -X enable.idempotence=true <"$work/in"
	kcat -b "$kafka" -C -t "kcat-$1" -p 0 -o beginning -e -q >"$work/out"
	same "$work/out"
}

kcat_to_evident() {
	"$evident" consume "kcat-$1" --offset start --stop-at-end --format '{{.Value}}' >"$work/out"
	same "$work/out"
}

evident_to_kcat() {
	"$evident" topic create "evident-$1" --partitions 1
	"$evident" produce "evident-$1" --compression "$1" <"$work/in"
	kcat -b "$kafka" -C -t "evident-$1" -p 0 -o beginning -e -q >"$work/out"
	same "$work/out"
}

group_reads() {
	kcat -b "$kafka" -G readers -e -q -X auto.offset.reset=earliest kcat-none >"$work/out"
	same "$work/out"
}

group_goes_on() {
	kcat -b "$kafka" -G readers -e -q -X auto.offset.reset=earliest kcat-none >"$work/out"
	[ ! -s "$work/out" ] || {
		echo "the group read $(wc -l <"$work/out") lines again"
		return 1
	}
}

# Over TLS, logged in by a mechanism, both ways; and in plain text. What kcat and
# evident are told for that is in over_tls and command_over_tls.
login_by() {
	export EVIDENT_USER=$user EVIDENT_PASSWORD=$password
	login=(-X "sasl.mechanism=$1" -X "sasl.username=$user" -X "sasl.password=$password")
	over_tls=(-b "$secure" -X security.protocol=SASL_SSL -X "ssl.ca.location=$work/cert.pem" "${login[@]}")
	command_over_tls=(--brokers "$secure" --tls-ca "$work/cert.pem" --sasl-mechanism "$1")
}

tls_kcat_to_evident() {
	login_by "$1"
	"$evident" topic create "kcat-$1" "${command_over_tls[@]}"
	kcat "${over_tls[@]}" -P -t "kcat-$1" -p 0 -X enable.idempotence=true <"$work/in"
	"$evident" consume "kcat-$1" --stop-at-end "${command_over_tls[@]}" >"$work/out"
	same "$work/out"
}

tls_evident_to_kcat() {
	login_by "$1"
	"$evident" topic create "evident-$1" "${command_over_tls[@]}"
	"$evident" produce "evident-$1" "${command_over_tls[@]}" <"$work/in"
	kcat "${over_tls[@]}" -C -t "evident-$1" -p 0 -o beginning -e -q >"$work/out"
	same "$work/out"
}

plain_text_to_kcat() {
	login_by "$1"
	kcat -b "$sasl" -X security.protocol=SASL_PLAINTEXT "${login[@]}" -C -t "evident-$1" -p 0 -o beginning -e -q >"$work/out"
	same "$work/out"
}

wrong_password() {
	login_by "$1"
	if kcat "${over_tls[@]}" -X sasl.password=wrong -L -m 3; then
		echo "a wrong password was accepted"
		return 1
	fi
}

for codec in none gzip snappy lz4 zstd; do
	check "$codec: kcat to kcat" kcat_to_kcat "$codec"
	check "$codec: kcat to evident" kcat_to_evident "$codec"
	check "$codec: evident to kcat" evident_to_kcat "$codec"
done
check "a balanced consumer group" group_reads
check "it goes on where it committed" group_goes_on
for mechanism in PLAIN SCRAM-SHA-256 SCRAM-SHA-512; do
	check "$mechanism over TLS: kcat to evident" tls_kcat_to_evident "$mechanism"
	check "$mechanism over TLS: evident to kcat" tls_evident_to_kcat "$mechanism"
	check "$mechanism in plain text: evident to kcat" plain_text_to_kcat "$mechanism"
	check "$mechanism: a wrong password is refused" wrong_password "$mechanism"
done
report kcat "$(kcat -V | grep -oP 'Version \K[0-9.]+') (librdkafka $(kcat -V | grep -oP 'librdkafka \K[0-9.]+'))"

finish
