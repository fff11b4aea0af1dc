#!/usr/bin/env bash
# Apache Kafka's own tools against a server that wants to know who they are:
# users managed with kafka-configs, and records produced and consumed over TLS
# with each mechanism, and with sessions that end and are renewed.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

tool() {
	"$repository/interop/kafka.sh" tool "$@"
}

# refused: the user of client.properties must not be let in.
refused() {
	if tool kafka-topics --bootstrap-server "$secure" --command-config "$work/client.properties" --list >"$work/out" 2>&1; then
		echo "let in"
		return 1
	fi
	cat "$work/out"
	grep -q SaslAuthenticationException "$work/out"
}

# login MECHANISM USER PASSWORD: writes the properties of such a client.
login() {
	local module=org.apache.kafka.common.security.scram.ScramLoginModule
	if [ "$1" = PLAIN ]; then
		module=org.apache.kafka.common.security.plain.PlainLoginModule
	fi
	cat >"$work/client.properties" <<-END
		security.protocol=SASL_SSL
		sasl.mechanism=$1
		sasl.jaas.config=$module required username="$2" password="$3";
		ssl.truststore.type=PEM
		ssl.truststore.location=$work/cert.pem
	END
}

produce() {
	seq 1000 | tool kafka-console-producer --bootstrap-server "$secure" --command-config "$work/client.properties" --topic "$1"
}

# consume TOPIC: the records that produce wrote come back.
consume() {
	tool kafka-console-consumer --bootstrap-server "$secure" --command-config "$work/client.properties" --topic "$1" \
		--from-beginning --max-messages 1000 --timeout-ms 60000 >"$work/records" && seq 1000 | cmp - "$work/records"
}

configs() {
	tool kafka-configs --bootstrap-server "$kafka" --entity-type users "$@"
}

listed() {
	"$evident" user list carol --brokers "$kafka" >"$work/out"
	cat "$work/out"
	grep -q 'SCRAM-SHA-256  8192' "$work/out"
	grep -q 'SCRAM-SHA-512  4096' "$work/out"
}

# renewed: a producer outlives its sessions of 3 s, and the server ends none.
renewed() {
	tool kafka-producer-perf-test --topic PLAIN --num-records 10000 --throughput 1000 --record-size 100 \
		--bootstrap-server "$secure" --command-config "$work/client.properties"
	! curl -s "http://$http/metrics" | grep 'connection_errors_total{reason="session_expired"}'
}

classpath=$("$repository/interop/kafka.sh" classpath tools)
build_evident
start_guarded_evident --connections-max-reauth 3s

check "kafka-configs creates a user" configs --alter --entity-name carol --add-config 'SCRAM-SHA-256=[iterations=8192,password=carol-secret]'
check "kafka-configs adds a credential" configs --alter --entity-name carol --add-config 'SCRAM-SHA-512=[password=carol-secret]'
check "evident lists both" listed
for mechanism in PLAIN SCRAM-SHA-256 SCRAM-SHA-512; do
	"$evident" topic create "$mechanism" --brokers "$kafka" >/dev/null
	login "$mechanism" carol carol-secret
	check "$mechanism over TLS: produce" produce "$mechanism"
	check "$mechanism over TLS: consume" consume "$mechanism"
	login "$mechanism" carol wrong
	check "$mechanism: a wrong password is refused" refused
done
login SCRAM-SHA-512 carol carol-secret
check "sessions are renewed (KIP-368)" renewed
check "kafka-configs deletes a credential" configs --alter --entity-name carol --delete-config SCRAM-SHA-512
check "which then is refused" refused
report "kafka-tools (Java), logged in" "$(basename "${classpath%/*}" | sed 's/^kafka-tools-//')"

finish
