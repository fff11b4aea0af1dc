#!/usr/bin/env bash
# Runs nodes with a processor (interop/processors) on Apache Kafka, one broker and
# three, while nodes and brokers are killed and nodes are paused, and measures how long
# a task stands still when its node is killed:
#
#   interop/processors.sh [history] [failover]
#
# NODES ("1 3") are the clusters on which things go wrong, FAULTS (20) how many things,
# SEEDS (of the clock) of which seeds, such as "1 2 3". ROUNDS (10) is how often failover
# is measured, with STANDBYS (1) and STORED (0) keys beside those under load. The brokers
# have Kafka's defaults for groups and transactions.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need go "Go, of the version in go.mod"
parts=("$@")
if [ $# -eq 0 ]; then
	parts=(history failover)
fi
kafka_sh=$repository/interop/kafka.sh
export KAFKA_FOLDER=$work/kafka

stop_cluster() {
	if [ -d "$KAFKA_FOLDER" ]; then "$kafka_sh" stop --dir "$KAFKA_FOLDER"; fi
}
trap 'stop_cluster; cleanup' EXIT

# start_cluster NODES: kafka.sh's own settings let groups begin at once and sessions be
# short, and have few partitions for what the broker keeps.
start_cluster() {
	"$kafka_sh" start --dir "$KAFKA_FOLDER" --nodes "$1" \
		--set group.initial.rebalance.delay.ms=3000 --set group.min.session.timeout.ms=6000 \
		--set offsets.topic.num.partitions=50 --set transaction.state.log.num.partitions=50 >/dev/null
}

# cases NAME FLAG...: one test, and what it says of itself.
cases() {
	local name=$1
	shift
	count_cases go_cases ./processors -run "$name" -standbys "${STANDBYS:-1}" "$@"
	grep -oE '[0-9]+ records, .*|failover .*' "$work/go.log" || true
}

for part in "${parts[@]}"; do
	case $part in
	history)
		for nodes in ${NODES:-1 3}; do
			start_cluster "$nodes"
			for seed in ${SEEDS:-$(date +%s)}; do
				say "brokers: $nodes, seed $seed"
				cases Effect -faults "${FAULTS:-20}" -seed "$seed"
			done
			stop_cluster
		done
		;;
	failover)
		start_cluster 1
		cases GoOn -rounds "${ROUNDS:-10}" -stored "${STORED:-0}"
		stop_cluster
		;;
	*)
		echo "processors.sh: $part is no part: want history or failover" >&2
		exit 2
		;;
	esac
done
report "Apache Kafka (processors)" "$("$kafka_sh" version)"
finish
