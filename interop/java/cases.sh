# shellcheck shell=bash
# shellcheck disable=SC2154 # java.sh sets what is not set here
# The cases of java.sh. Each is a function that fails at its first failing step.

# tool NAME ARGUMENT...: Kafka's bin/kafka-NAME.sh.
tool() {
	local name=$1
	shift
	timeout 300 "$repository/interop/kafka.sh" tool "kafka-$name" "$@"
}

# kafka NAME ARGUMENT...: the same, for a tool that speaks to the server.
kafka() {
	tool "$@" --bootstrap-server "$kafka"
}

# program FILE ARGUMENT...: a program of this folder.
program() {
	local file=$1
	shift
	# shellcheck disable=SC2086 # options are words
	timeout 450 java $KAFKA_HEAP_OPTS -cp "$classpath" \
		-Dlog4j2.configurationFile="$repository/interop/kafka/log4j2-tools.xml" "$repository/interop/java/$file" "$@"
}

# has TEXT FILE, lines NUMBER FILE: what a file must hold.
has() {
	grep -qF -- "$1" "$2" || {
		echo "no \"$1\" in:"
		cat "$2"
		return 1
	}
}
lines() {
	local got
	got=$(wc -l <"$2")
	[ "$got" -eq "$1" ] || {
		echo "$got lines instead of $1 in $2:"
		head -n 20 "$2"
		return 1
	}
}

# fails COMMAND...: it must not succeed; what it says goes to $work/out.
fails() {
	if "$@" >"$work/out" 2>&1; then
		echo "succeeded and should not have: $*"
		cat "$work/out"
		return 1
	fi
}

topics() {
	kafka topics --create --topic tools-topic --partitions 3 --config retention.ms=86400000
	kafka topics --list >"$work/out"
	has tools-topic "$work/out"
	kafka topics --describe --topic tools-topic >"$work/out"
	has "PartitionCount: 3" "$work/out"
	has "retention.ms=86400000" "$work/out"
	kafka topics --alter --topic tools-topic --partitions 5
	kafka topics --describe --topic tools-topic >"$work/out"
	has "PartitionCount: 5" "$work/out"
	kafka topics --describe --unavailable-partitions >"$work/out"
	lines 0 "$work/out"
	kafka topics --delete --topic tools-topic
	kafka topics --list >"$work/out"
	if grep -q tools-topic "$work/out"; then
		echo "still there"
		return 1
	fi
}

topics_errors() {
	kafka topics --create --topic tools-twice
	fails kafka topics --create --topic tools-twice
	has "TopicExistsException" "$work/out"
	fails kafka topics --create --topic 'tools*' --partitions 1
	has "InvalidTopicException" "$work/out"
	fails kafka topics --create --topic tools-bad --config retention.mx=1
	has "Unknown topic config name: retention.mx" "$work/out"
	fails kafka topics --create --topic tools-bad --replication-factor 3
	has "InvalidReplicationFactorException" "$work/out"
	fails kafka topics --alter --topic tools-twice --partitions 1
	has "InvalidPartitionsException" "$work/out"
}

configs() {
	kafka topics --create --topic tools-configs
	kafka configs --alter --topic tools-configs --add-config cleanup.policy=compact,segment.bytes=1048576
	kafka configs --describe --topic tools-configs >"$work/out"
	has "cleanup.policy=compact" "$work/out"
	has "segment.bytes=1048576" "$work/out"
	kafka configs --alter --topic tools-configs --delete-config segment.bytes
	kafka configs --describe --topic tools-configs --all >"$work/out"
	has "segment.bytes=1073741824" "$work/out"
	fails kafka configs --alter --topic tools-configs --add-config cleanup.policy=burn
	has 'InvalidConfigurationException: invalid topic config: cleanup.policy="burn"' "$work/out"
	kafka configs --describe --broker 1 --all >"$work/out"
	has "log.retention" "$work/out"
}

cluster() {
	kafka broker-api-versions >"$work/out"
	has "Produce(0): 0 to" "$work/out"
	kafka cluster cluster-id >"$work/out"
	has "Cluster ID: " "$work/out"
	kafka cluster list-endpoints >"$work/out"
	has "127.0.0.1" "$work/out"
}

console() {
	kafka topics --create --topic tools-console --partitions 1
	for i in $(seq 500); do
		printf 'trace:%d,kind:order\tkey-%d\tvalue %d\n' "$i" $((i % 7)) "$i"
	done >"$work/console.in"
	kafka console-producer --topic tools-console --reader-property parse.key=true --reader-property parse.headers=true \
		--compression-codec zstd <"$work/console.in"
	kafka console-consumer --topic tools-console --from-beginning --max-messages 500 \
		--formatter-property print.key=true --formatter-property print.headers=true >"$work/console.out"
	diff "$work/console.in" "$work/console.out"
	kafka console-consumer --topic tools-console --partition 0 --offset 499 --max-messages 1 \
		--formatter-property print.timestamp=true --formatter-property print.offset=true >"$work/console.out"
	has "value 500" "$work/console.out"
	has "Offset:499" "$work/console.out"
}

get_offsets() {
	kafka get-offsets --topic tools-console --time earliest >"$work/out"
	has "tools-console:0:0" "$work/out"
	kafka get-offsets --topic tools-console --time latest >"$work/out"
	has "tools-console:0:500" "$work/out"
	kafka get-offsets --topic tools-console --time max-timestamp >"$work/out"
	has "tools-console:0:" "$work/out"
	kafka get-offsets --topic tools-console --time 1 >"$work/out"
	has "tools-console:0:0" "$work/out"
}

consumer_groups() {
	kafka console-consumer --topic tools-console --group tools-group --from-beginning --max-messages 500 >/dev/null
	kafka consumer-groups --list --state >"$work/out"
	has tools-group "$work/out"
	kafka consumer-groups --describe --group tools-group >"$work/out"
	grep -qE 'tools-group +tools-console +0 +500 +500 +0 ' "$work/out"
	kafka consumer-groups --describe --group tools-group --state >"$work/out"
	has Empty "$work/out"
	kafka consumer-groups --describe --all-groups --members >"$work/out"
	kafka consumer-groups --reset-offsets --group tools-group --topic tools-console --to-offset 100 --dry-run >"$work/out"
	has " 100" "$work/out"
	kafka consumer-groups --reset-offsets --group tools-group --topic tools-console --shift-by -10 --execute >"$work/out"
	kafka consumer-groups --describe --group tools-group >"$work/out"
	grep -qE 'tools-group +tools-console +0 +490 +500 +10 ' "$work/out"
	kafka consumer-groups --delete-offsets --group tools-group --topic tools-console
	kafka groups --list >"$work/out"
	kafka consumer-groups --delete --group tools-group
	kafka consumer-groups --list >"$work/out"
	if grep -q tools-group "$work/out"; then
		echo "still there"
		return 1
	fi
}

# consumer_protocol is a group of KIP-848: the server assigns.
consumer_protocol() {
	kafka console-consumer --topic tools-console --group tools-848 --from-beginning --max-messages 500 \
		--command-property group.protocol=consumer >/dev/null
	kafka groups --list >"$work/out"
	grep -qE 'tools-848 +Consumer +consumer' "$work/out"
	kafka consumer-groups --describe --group tools-848 --state >"$work/out"
	grep -qE 'tools-848 .* Empty +0' "$work/out"
	kafka consumer-groups --describe --group tools-848 >"$work/out"
	grep -qE 'tools-848 +tools-console +0 +500 +500 +0 ' "$work/out"
	kafka configs --alter --group tools-848 --add-config consumer.session.timeout.ms=50000
	kafka configs --describe --group tools-848 >"$work/out"
	has "consumer.session.timeout.ms=50000" "$work/out"
	kafka consumer-groups --delete --group tools-848
}

# share_groups is a queue (KIP-932): what it has read shows in the group, which is
# reset, reads all of it again, and is deleted.
share_groups() {
	kafka topics --create --topic tools-share --partitions 1
	kafka configs --alter --group tools-share --add-config share.auto.offset.reset=earliest
	seq 100 | kafka console-producer --topic tools-share
	kafka console-share-consumer --topic tools-share --group tools-share --max-messages 100 \
		--formatter-property print.delivery=true --formatter-property print.offset=true >"$work/console.out"
	diff <(seq 100 | awk '{ printf "Offset:%d\tDelivery:1\t%d\n", $1 - 1, $1 }') "$work/console.out"
	kafka share-groups --list --state >"$work/out"
	grep -qE 'tools-share +Empty' "$work/out"
	kafka share-groups --describe --group tools-share --verbose >"$work/out"
	grep -qE 'tools-share +tools-share +0 +0 +100 +0' "$work/out"
	kafka groups --list >"$work/out"
	grep -qE 'tools-share +Share +share' "$work/out"
	kafka consumer-groups --describe --group tools-share >"$work/out" 2>&1
	has "Group tools-share is not a consumer group" "$work/out"
	kafka share-groups --reset-offsets --group tools-share --topic tools-share --to-earliest --execute >"$work/out"
	grep -qE 'tools-share +tools-share +0 +0' "$work/out"
	kafka share-groups --describe --group tools-share >"$work/out"
	grep -qE 'tools-share +tools-share +0 +0 +100' "$work/out"
	share_group_members
	kafka share-groups --delete-offsets --group tools-share --topic tools-share >"$work/out"
	has Successful "$work/out"
	kafka share-groups --describe --group tools-share >"$work/out"
	has "has no offset information" "$work/out"
	kafka share-groups --delete --group tools-share >"$work/out"
	has successful "$work/out"
	kafka share-groups --list >"$work/out"
	if grep -q tools-share "$work/out"; then
		echo "still there"
		return 1
	fi
}

# share_group_members looks at a member while it waits for the last 50 of 150
# records; the group must be one that begins anew.
share_group_members() {
	local member
	kafka verifiable-share-consumer --topic tools-share --group-id tools-share --max-messages 150 \
		--acknowledgement-mode sync --verbose >"$work/consumed" &
	member=$!
	for _ in $(seq 300); do
		if grep -q offsets_acknowledged "$work/consumed"; then
			break
		fi
		sleep 0.2
	done
	kafka share-groups --describe --group tools-share --members >"$work/out"
	grep -qE 'tools-share .* tools-share:0' "$work/out"
	kafka share-groups --describe --group tools-share --state >"$work/out"
	grep -qE 'tools-share .* Stable +1' "$work/out"
	kafka share-groups --delete --group tools-share >"$work/out" 2>&1
	has GroupNotEmptyException "$work/out"
	fails kafka share-groups --reset-offsets --group tools-share --topic tools-share --to-earliest --execute
	has "is not empty" "$work/out"
	seq 101 150 | kafka console-producer --topic tools-share
	wait "$member"
	diff <(seq 150) <(grep -oP '"name":"record_data".*"value":"\K[0-9]+' "$work/consumed" | sort -n)
	has '"success":true' "$work/consumed"
}

administration() {
	kafka log-dirs --describe --topic-list tools-console >"$work/out"
	has '"partition":"tools-console-0"' "$work/out"
	tool metadata-quorum --bootstrap-server "$kafka" describe --status >"$work/out"
	has "LeaderId:" "$work/out"
	tool features --bootstrap-server "$kafka" describe >"$work/out"
	has "transaction.version" "$work/out"
	kafka leader-election --election-type preferred --topic tools-console --partition 0 >"$work/out"
	has "Valid replica already elected" "$work/out"
	fails kafka acls --list
	has "SecurityDisabledException" "$work/out"
}

# transactions of 50 ms each.
transactions() {
	local records=20000
	kafka topics --create --topic tools-transactions --partitions 2
	kafka producer-perf-test --topic tools-transactions --num-records "$records" --record-size 100 --throughput -1 \
		--transactional-id tools-transactions --transaction-duration-ms 50
	kafka console-consumer --topic tools-transactions --from-beginning --isolation-level read_committed \
		--max-messages "$records" --timeout-ms 60000 >"$work/records"
	lines "$records" "$work/records"
	tool transactions --bootstrap-server "$kafka" list >"$work/out"
	grep -qE 'tools-transactions.*CompleteCommit' "$work/out"
	tool transactions --bootstrap-server "$kafka" describe --transactional-id tools-transactions >"$work/out"
	has CompleteCommit "$work/out"
	tool transactions --bootstrap-server "$kafka" describe-producers --topic tools-transactions --partition 0 >"$work/out"
	has ProducerId "$work/out"
}

quotas() {
	kafka configs --alter --add-config producer_byte_rate=100000 --entity-type clients --entity-name perf-producer-client
	kafka configs --alter --add-config request_percentage=50 --entity-type users --entity-name alice \
		--entity-type clients --entity-default
	kafka configs --describe --entity-type clients >"$work/out"
	has "Quota configs for client-id 'perf-producer-client' are producer_byte_rate=100000.0" "$work/out"
	kafka configs --describe --entity-type users --entity-type clients >"$work/out"
	has "Quota configs for user-principal 'alice', the default client-id are request_percentage=50.0" "$work/out"
	kafka configs --alter --delete-config request_percentage --entity-type users --entity-name alice \
		--entity-type clients --entity-default
	kafka topics --create --topic tools-quotas --partitions 1
	# 1.5 MB at 100 KB/s, the first megabyte being free: five seconds at least.
	kafka producer-perf-test --topic tools-quotas --num-records 15000 --record-size 100 --throughput -1 \
		--command-property client.id=perf-producer-client >"$work/out"
	local rate
	rate=$(tail -1 "$work/out" | sed 's/.* \([0-9.]*\) records\/sec.*/\1/')
	[ "${rate%.*}" -lt 4000 ] || { cat "$work/out"; return 1; }
	kafka configs --alter --delete-config producer_byte_rate --entity-type clients --entity-name perf-producer-client
}

reassign_partitions() {
	kafka topics --create --topic tools-reassign --partitions 1
	echo '{"version":1,"partitions":[{"topic":"tools-reassign","partition":0,"replicas":[1]}]}' >"$work/reassign.json"
	kafka reassign-partitions --execute --reassignment-json-file "$work/reassign.json" >"$work/out"
	has "Successfully started partition reassignment for tools-reassign-0" "$work/out"
	kafka reassign-partitions --verify --reassignment-json-file "$work/reassign.json" >"$work/out"
	has "Reassignment of partition tools-reassign-0 is completed" "$work/out"
	kafka reassign-partitions --list >"$work/out"
	has "No partition reassignments found" "$work/out"
}

delete_records() {
	kafka topics --create --topic tools-delete --partitions 1
	seq 100 | kafka console-producer --topic tools-delete
	echo '{"version":1,"partitions":[{"topic":"tools-delete","partition":0,"offset":40}]}' >"$work/delete.json"
	kafka delete-records --offset-json-file "$work/delete.json" >"$work/out"
	has "low_watermark: 40" "$work/out"
	kafka get-offsets --topic tools-delete --time earliest >"$work/out"
	has "tools-delete:0:40" "$work/out"
}

perf_test() {
	local topic=tools-perf-$1 records=50000
	kafka topics --create --topic "$topic" --partitions 4
	kafka producer-perf-test --topic "$topic" --num-records "$records" --record-size 100 --throughput -1 \
		--command-property acks=all --command-property compression.type="$1"
	kafka get-offsets --topic "$topic" --time latest >"$work/out"
	[ "$(cut -d: -f3 "$work/out" | paste -sd+ | bc)" -eq "$records" ]
	kafka consumer-perf-test --topic "$topic" --num-records "$records" --timeout 60000 >"$work/out"
	grep -qE ", $records, " "$work/out"
}

verifiable() {
	local records=5000
	kafka topics --create --topic tools-verifiable --partitions 3
	kafka verifiable-producer --topic tools-verifiable --max-messages "$records" --acks -1 >"$work/produced"
	has "\"sent\":$records,\"acked\":$records" "$work/produced"
	kafka verifiable-consumer --topic tools-verifiable --group-id tools-verifiable --max-messages "$records" \
		--reset-policy earliest --group-instance-id one --verbose >"$work/consumed"
	[ "$(grep -c '"name":"record_data"' "$work/consumed")" -ge "$records" ]
	diff <(grep -oP '"name":"producer_send_success".*"value":"\K[0-9]+' "$work/produced" | sort -n) \
		<(grep -oP '"name":"record_data".*"value":"\K[0-9]+' "$work/consumed" | sort -n | head -n "$records")
}

# verifiable_members PROTOCOL: two members of a group, while records are produced.
verifiable_members() {
	local one two records=3000
	kafka topics --create --topic tools-members --partitions 4
	kafka verifiable-consumer --topic tools-members --group-id "tools-members-$1" --group-protocol "$1" \
		--reset-policy earliest --max-messages 1500 >"$work/one" 2>&1 &
	one=$!
	kafka verifiable-consumer --topic tools-members --group-id "tools-members-$1" --group-protocol "$1" \
		--reset-policy earliest --max-messages 1500 >"$work/two" 2>&1 &
	two=$!
	kafka verifiable-producer --topic tools-members --max-messages "$records" --acks -1 --throughput 300 >"$work/produced"
	wait "$one" "$two"
	has '"name":"partitions_assigned"' "$work/one"
	has '"name":"partitions_assigned"' "$work/two"
	kafka topics --delete --topic tools-members
}

# segments_of TOPIC: its files that hold something, with commas between them.
segments_of() {
	find "$work/data" -path "*/$1-*" -name '*.log' -size +0 | paste -sd,
}

# dump_log reads what a stopped node left: while it runs, its newest segments end
# in space reserved for the next records, as Kafka's do with log.preallocate.
dump_log() {
	local folder segment
	folder=$(find "$work/data" -type d -name 'tools-console*' | head -n 1)
	segment=$(find "$folder" -name '*.log' | head -n 1)
	tool dump-log --deep-iteration --print-data-log --files "$segment" >"$work/out"
	has "payload: value 500" "$work/out"
	has "compresscodec: zstd" "$work/out"
	has "isvalid: true" "$work/out"
	if grep -q "isvalid: false" "$work/out"; then
		return 1
	fi
	tool dump-log --offsets-decoder --files "$(segments_of __consumer_offsets)" >"$work/out"
	has '"group":"tools-members-classic"' "$work/out"
	tool dump-log --transaction-log-decoder --files "$(segments_of __transaction_state)" >"$work/out"
	has '"transactionalId":"tools-transactions"' "$work/out"
	tool dump-log --index-sanity-check --files "$(find "$work/data" -path '*tools-perf-none*' -name '*.index' | paste -sd,)"
}

tutorial() {
	kafka topics --create --topic orders --partitions 3
	program Tutorial.java "$kafka" orders >"$work/out"
	has "paid 10 orders" "$work/out"
}

# The programs that say what they have shown, each with a topic of its own.
fencing() {
	program Fencing.java "$kafka" fencing >"$work/out"
	has fenced "$work/out"
}

members() {
	program Members.java "$kafka" members >"$work/out"
	has "read 1600 records once each" "$work/out"
}

queue() {
	program Queue.java "$kafka" queue >"$work/out"
	has queued "$work/out"
}

word_count() {
	program WordCount.java "$kafka" "$1" "$work/streams-$1" >"$work/out"
	has "counted" "$work/out"
}
