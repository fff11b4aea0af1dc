#!/usr/bin/env bash
# Three nodes on Apache Kafka declare things at once and are killed meanwhile.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need go "Go, of the version in go.mod"
kafka_sh=$repository/interop/kafka.sh
cluster=$work/kafka
trap 'if [ -d "$cluster" ]; then "$kafka_sh" stop --dir "$cluster"; fi; cleanup' EXIT

build_evident
KAFKA_BROKERS=$("$kafka_sh" start --dir "$cluster")
export EVIDENT=$evident KAFKA_BROKERS
count_cases go_cases ./resources
grep -oE '[0-9]+ (requests, |increments ).*' "$work/go.log" || true
report "Apache Kafka (declaring)" "$("$kafka_sh" version)"
finish
