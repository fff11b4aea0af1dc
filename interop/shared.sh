#!/usr/bin/env bash
# Two nodes that share a ledger on Apache Kafka, through stores that others wrote:
# versitygw (Go) and moto's server (Python). Nodes are killed while records come,
# and torchwood checks what is left. The cluster of three brokers loses records: a
# leader without the newest ones is elected, and retention overtakes the ledger.
# Before that, the ledger's reader has fetch sessions with the cluster (KIP-227).
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need go "Go, of the version in go.mod"
need python3 "Python 3.9 or later with venv, such as Debian's python3-venv"
need curl "Debian's curl"
versitygw=v1.8.0
moto=5.2.5

kafka_sh=$repository/interop/kafka.sh
cluster=$work/kafka
store_pid=
trap 'stop_store; if [ -d "$cluster" ]; then "$kafka_sh" stop --dir "$cluster"; fi; cleanup' EXIT

stop_store() {
	if [ -n "$store_pid" ]; then
		kill "$store_pid" 2>/dev/null || true
		wait "$store_pid" 2>/dev/null || true
		store_pid=
	fi
}

# free_port: prints one that nobody listens on.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# await_store PORT: waits until the store answers.
await_store() {
	for _ in $(seq 300); do
		if curl -s -o /dev/null "http://127.0.0.1:$1/"; then return; fi
		kill -0 "$store_pid" 2>/dev/null || break
		sleep 0.1
	done
	cat "$work/store.log" >&2
	return 1
}

# with_store NAME VERSION PORT: runs the tests on a store that has the bucket "ledger".
with_store() {
	say "$1"
	LEDGER_STORE="s3://ledger/events?endpoint=http://127.0.0.1:$3" count_cases go_cases ./shared
	report "$1 (shared ledger)" "$2"
	stop_store
}

export AWS_ACCESS_KEY_ID=interop AWS_SECRET_ACCESS_KEY=interop-secret
build_evident
export EVIDENT=$evident
KAFKA_BROKERS=$(KAFKA_HEAP_OPTS=-Xmx320m "$kafka_sh" start --dir "$cluster" --nodes 3 \
	--set broker.session.timeout.ms=3000 --set broker.heartbeat.interval.ms=500 --set replica.lag.time.max.ms=3000 \
	--set log.retention.check.interval.ms=1000 --set log.initial.task.delay.ms=1000)
export KAFKA_BROKERS KAFKA_SH=$kafka_sh KAFKA_DIR=$cluster KAFKA_HEAP_OPTS=-Xmx320m

say "fetch sessions"
count_cases go_cases ./sessions -brokers "$KAFKA_BROKERS"
report "Apache Kafka (fetch sessions)" "$("$kafka_sh" version)"

if [ ! -x "$cache/versitygw-$versitygw/versitygw" ]; then
	say "building versitygw"
	GOBIN=$cache/versitygw-$versitygw go install "github.com/versity/versitygw/cmd/versitygw@$versitygw"
fi
port=$(free_port)
mkdir -p "$work/store/ledger"
ROOT_ACCESS_KEY=$AWS_ACCESS_KEY_ID ROOT_SECRET_KEY=$AWS_SECRET_ACCESS_KEY \
	"$cache/versitygw-$versitygw/versitygw" --port "127.0.0.1:$port" posix "$work/store" >"$work/store.log" 2>&1 &
store_pid=$!
await_store "$port"
with_store versitygw "$versitygw" "$port"

if [ ! -d "$cache/moto-$moto" ]; then
	say "installing moto"
	rm -rf "$cache/moto.partial"
	python3 -m venv "$cache/moto.partial"
	"$cache/moto.partial/bin/pip" install --quiet --disable-pip-version-check "moto[server]==$moto"
	mv "$cache/moto.partial" "$cache/moto-$moto"
fi
port=$(free_port)
"$cache/moto-$moto/bin/python" -c 'import sys; from moto.server import main; main(sys.argv[1:])' \
	-H 127.0.0.1 -p "$port" >"$work/store.log" 2>&1 &
store_pid=$!
await_store "$port"
curl -s -f -o /dev/null -X PUT "http://127.0.0.1:$port/ledger"
with_store moto "$moto" "$port"

finish
