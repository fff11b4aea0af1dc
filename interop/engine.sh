#!/usr/bin/env bash
# Runs `evident --kafka` against Apache Kafka with three nodes, or with as many as
# the argument says, with TLS and each of its SASL mechanisms.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

kafka_sh=$repository/interop/kafka.sh
cluster=$work/kafka
trap 'if [ -d "$cluster" ]; then "$kafka_sh" stop --dir "$cluster"; fi; cleanup' EXIT

build_evident
"$kafka_sh" start --dir "$cluster" --nodes "${1:-3}" --secure >/dev/null
export EVIDENT=$evident KAFKA_FOLDER=$cluster
count_cases go_cases ./engine
report "evident --kafka on Apache Kafka" "$("$kafka_sh" version)"
finish
