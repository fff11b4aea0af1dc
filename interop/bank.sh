#!/usr/bin/env bash
# Runs the bank and the zombies (interop/bank) against evident and against Apache
# Kafka, or against the one that is named:
#
#   interop/bank.sh [evident] [kafka]
#
# Evident is killed a hundred times (KILLS) under each kind of consumer group;
# Kafka is left alone, and shows that the expectations are right.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

peers=("$@")
if [ $# -eq 0 ]; then
	peers=(evident kafka)
fi
kafka_sh=$repository/interop/kafka.sh
cluster=$work/kafka

stop_cluster() {
	if [ -d "$cluster" ]; then "$kafka_sh" stop --dir "$cluster"; fi
}
trap 'stop_cluster; cleanup' EXIT

for peer in "${peers[@]}"; do
	case $peer in
	evident)
		build_evident
		count_cases go_cases ./bank -program "$evident" -kills "${KILLS:-100}"
		grep -oE '[0-9]+ orders, .*' "$work/go.log" || true
		report "Evident (bank, zombies)" "$("$evident" version -o json | grep -oP '"version": *"\K[^"]*')"
		;;
	kafka)
		EVIDENT_CONFORMANCE_BROKERS=$("$kafka_sh" start --dir "$cluster" \
			--set group.consumer.session.timeout.ms=1000 --set group.consumer.heartbeat.interval.ms=100)
		export EVIDENT_CONFORMANCE_BROKERS
		count_cases go_cases ./bank
		unset EVIDENT_CONFORMANCE_BROKERS
		report "Apache Kafka (bank, zombies)" "$("$kafka_sh" version)"
		stop_cluster
		;;
	*)
		echo "bank.sh: $peer is no peer: want evident or kafka" >&2
		exit 2
		;;
	esac
done
finish
