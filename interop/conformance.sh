#!/usr/bin/env bash
# Runs the conformance suite against evident, against Apache Kafka with one node
# and against Apache Kafka with three, or against those that are named:
#
#   interop/conformance.sh [evident] [kafka] [kafka3]
#
# The expectations are Kafka's: what the suite says of evident is worth nothing
# while Kafka itself does not pass.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

peers=("$@")
if [ $# -eq 0 ]; then
	peers=(evident kafka kafka3)
fi
kafka_sh=$repository/interop/kafka.sh
cluster=$work/kafka

stop_cluster() {
	if [ -d "$cluster" ]; then "$kafka_sh" stop --dir "$cluster"; fi
}
trap 'stop_cluster; cleanup' EXIT

# hold NAME VERSION BROKERS: holds a peer to the expectations.
hold() {
	say "conformance of $1 $2"
	export EVIDENT_CONFORMANCE_BROKERS=$3
	count_cases go_cases ./conformance
	grep -oE 'differs on purpose: .*' "$work/go.log" | sort | uniq -c || true
	report "$1 (conformance)" "$2"
}

# hold_kafka NODES NAME: the same for a cluster of Apache Kafka.
hold_kafka() {
	local brokers
	brokers=$("$kafka_sh" start --dir "$cluster" --nodes "$1")
	hold "$2" "$("$kafka_sh" version)" "$brokers"
	stop_cluster
}

for peer in "${peers[@]}"; do
	case $peer in
	evident)
		build_evident
		start_evident --listen-kafka 127.0.0.1:0 --group-initial-rebalance-delay 0s
		hold Evident "$("$evident" version -o json | grep -oP '"version": *"\K[^"]*')" "$kafka"
		stop_evident
		;;
	kafka) hold_kafka 1 "Apache Kafka, one node" ;;
	kafka3) hold_kafka 3 "Apache Kafka, three nodes" ;;
	*)
		echo "conformance.sh: $peer is no peer: want evident, kafka or kafka3" >&2
		exit 2
		;;
	esac
done
finish
