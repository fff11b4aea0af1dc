#!/usr/bin/env bash
# Apache Kafka's own command line tools, a first Kafka tutorial and a Kafka
# Streams application, of the version in kafka/pom.xml, against evident.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=java/cases.sh
source "$(dirname "$0")/java/cases.sh"

# A program is small and short-lived.
export KAFKA_HEAP_OPTS="-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
classpath=$("$repository/interop/kafka.sh" classpath tools)
version=$(basename "${classpath%/*}" | sed 's/^kafka-tools-//')

build_evident
start_evident

say "kafka-clients"
check "a first tutorial: OrderPlaced produced, consumed, acted on" tutorial
check "a transactional id that is taken over: the open transaction aborted, the producer fenced" fencing
check "members of a KIP-848 group come and go, each record read once" members
check "a share group accepts, releases, rejects and renews, deliveries counted" queue
report "kafka-clients (Java)" "$version"

say "Kafka Streams"
check "word count, at_least_once" word_count at_least_once
check "word count, exactly_once_v2" word_count exactly_once_v2
report "kafka-streams (Java)" "$version"

say "Kafka's tools"
check "kafka-topics creates, describes, alters, deletes" topics
check "kafka-topics shows Kafka's errors" topics_errors
check "kafka-configs alters and describes a topic" configs
check "kafka-broker-api-versions, kafka-cluster" cluster
check "kafka-console-producer to kafka-console-consumer" console
check "kafka-get-offsets at earliest, latest, a time" get_offsets
check "kafka-consumer-groups lists, describes, resets, deletes" consumer_groups
for codec in none gzip snappy lz4 zstd; do
	check "kafka-producer-perf-test to kafka-consumer-perf-test, $codec" perf_test "$codec"
done
check "kafka-verifiable-producer to kafka-verifiable-consumer" verifiable
check "kafka-verifiable-consumer, two members, classic" verifiable_members classic
check "kafka-verifiable-consumer, two members, KIP-848" verifiable_members consumer
check "kafka-console-consumer, kafka-consumer-groups, KIP-848" consumer_protocol
check "kafka-share-groups, kafka-console-share-consumer, kafka-verifiable-share-consumer" share_groups
check "kafka-delete-records" delete_records
check "kafka-producer-perf-test with transactions, kafka-transactions" transactions
check "kafka-configs sets quotas, kafka-producer-perf-test keeps to them" quotas
check "kafka-reassign-partitions" reassign_partitions
check "kafka-log-dirs, -metadata-quorum, -features, -leader-election, -acls" administration
stop_evident
check "kafka-dump-log reads segments and indexes" dump_log
report "kafka-tools (Java)" "$version"

finish
