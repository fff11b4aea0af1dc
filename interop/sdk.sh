#!/usr/bin/env bash
# Runs package client against Apache Kafka, and against a node in the test's process:
#
#   interop/sdk.sh
#
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

kafka_sh=$repository/interop/kafka.sh
cluster=$work/kafka

stop_cluster() {
	if [ -d "$cluster" ]; then "$kafka_sh" stop --dir "$cluster"; fi
}
trap 'stop_cluster; cleanup' EXIT

go -C "$repository/interop" test ./sdk -count 1
EVIDENT_CONFORMANCE_BROKERS=$("$kafka_sh" start --dir "$cluster")
export EVIDENT_CONFORMANCE_BROKERS
go -C "$repository/interop" test ./sdk -count 1 -v
