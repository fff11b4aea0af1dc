#!/usr/bin/env bash
# Apache Kafka on this machine's loopback, to compare with: fetched from Maven
# Central by exact version (interop/kafka/pom.xml), kept in the user's cache
# folder, started as a KRaft cluster of one or three nodes on free ports, and
# stopped by its own process ids.
#
#   interop/kafka.sh start [--dir DIR] [--nodes 1|3] [--version V] [--secure] [--set KEY=VALUE]...
#       prints host:port of the brokers, with commas between them, when all of
#       them serve. DIR (default: evident-kafka in the temporary folder) must
#       not be there yet; it is where data and logs are. --set adds to, and wins
#       over, the properties of each node. --secure adds listeners with TLS, and
#       with SASL over TLS; see below.
#   interop/kafka.sh stop [--dir DIR]
#       stops the cluster and removes DIR.
#   interop/kafka.sh kill --node N [--dir DIR]
#       ends a node with SIGKILL.
#   interop/kafka.sh resume --node N [--dir DIR]
#       starts a node again that was killed, and returns when it serves.
#   interop/kafka.sh tool NAME ARGUMENT...
#       runs one of Kafka's own tools: kafka-topics, kafka-producer-perf-test, …
#   interop/kafka.sh classpath broker|tools
#       prints the jars, for other Java programs.
#   interop/kafka.sh version
#       prints the version of the broker.
#
# With --secure, DIR/ssl and DIR/sasl_ssl hold host:port of the brokers of those
# listeners, DIR/ca.pem their authority; the first wants a client certificate,
# such as DIR/client.pem with DIR/client.key, the second a user: alice with the
# password alice-secret by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, and any
# unsecured token by OAUTHBEARER.
#
# KAFKA_HEAP_OPTS (default: -Xmx512m) are options of each Java machine.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() {
	printf '== %s\n' "$*" >&2
}

fail() {
	printf 'kafka.sh: %s\n' "$*" >&2
	exit 1
}

# need PROGRAM PACKAGE: fails with what to install.
need() {
	command -v "$1" >/dev/null || fail "there is no $1: install it, on Debian with: apt-get install $2"
}

# pinned PROPERTY: a version of the pom.
pinned() {
	sed -n "s:.*<$1>\(.*\)</$1>.*:\1:p" "$here/kafka/pom.xml"
}

# jars broker|tools: prints the folder with the jars of that profile of the pom,
# fetched if they are not there. It locks, so that nobody fetches them twice.
jars() (
	case $1 in
	broker) v=$version ;;
	tools) v=$(pinned kafka.tools.version) ;;
	*) fail "classpath $1: want broker or tools" ;;
	esac
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/evident-interop
	mkdir -p "$cache"
	exec 8>"$cache/lock"
	flock 8
	if [ ! -d "$cache/kafka-$1-$v" ]; then
		need mvn maven
		say "fetching Apache Kafka $v ($1)"
		rm -rf "$cache/partial"
		mvn -B -q -f "$here/kafka/pom.xml" -P "$1" "-Dkafka.version=$v" \
			dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$cache/partial" >&2
		mv "$cache/partial" "$cache/kafka-$1-$v"
	fi
	printf '%s\n' "$cache/kafka-$1-$v"
)

# java_program broker|tools CLASS ARGUMENT...: becomes a Java program.
java_program() {
	local folder log4j=$here/kafka/log4j2-$1.xml
	folder=$(jars "$1")
	shift
	need java openjdk-17-jre-headless
	# shellcheck disable=SC2086 # options are words
	exec java ${KAFKA_HEAP_OPTS:--Xmx512m} "-Dlog4j2.configurationFile=$log4j" -cp "$folder/*" "$@"
}

# tool NAME ARGUMENT...: becomes one of Kafka's tools.
tool() {
	local name=$1 class
	shift
	case $name in
	kafka-topics) class=TopicCommand ;;
	kafka-configs) java_program tools kafka.admin.ConfigCommand "$@" ;;
	kafka-consumer-groups) class=consumer.group.ConsumerGroupCommand ;;
	kafka-share-groups) class=consumer.group.ShareGroupCommand ;;
	kafka-groups) class=GroupsCommand ;;
	kafka-streams-groups) class=streams.StreamsGroupCommand ;;
	kafka-console-producer) class=ConsoleProducer ;;
	kafka-console-consumer) class=consumer.ConsoleConsumer ;;
	kafka-console-share-consumer) class=consumer.ConsoleShareConsumer ;;
	kafka-producer-perf-test) class=ProducerPerformance ;;
	kafka-consumer-perf-test) class=ConsumerPerformance ;;
	kafka-share-consumer-perf-test) class=ShareConsumerPerformance ;;
	kafka-verifiable-producer) class=VerifiableProducer ;;
	kafka-verifiable-consumer) class=VerifiableConsumer ;;
	kafka-verifiable-share-consumer) class=VerifiableShareConsumer ;;
	kafka-e2e-latency) class=EndToEndLatency ;;
	kafka-get-offsets) class=GetOffsetShell ;;
	kafka-delete-records) class=DeleteRecordsCommand ;;
	kafka-dump-log) class=DumpLogSegments ;;
	kafka-log-dirs) class=LogDirsCommand ;;
	kafka-leader-election) class=LeaderElectionCommand ;;
	kafka-reassign-partitions) class=reassign.ReassignPartitionsCommand ;;
	kafka-acls) class=AclCommand ;;
	kafka-transactions) class=TransactionsCommand ;;
	kafka-features) class=FeatureCommand ;;
	kafka-cluster) class=ClusterTool ;;
	kafka-metadata-quorum) class=MetadataQuorumCommand ;;
	kafka-broker-api-versions) class=BrokerApiVersionsCommand ;;
	kafka-streams-application-reset) class=StreamsResetter ;;
	*) fail "tool $name: not one of Kafka's that this script knows" ;;
	esac
	java_program tools "org.apache.kafka.tools.$class" "$@"
}

# uuid: a random id in Kafka's form, which does not begin with a dash.
uuid() {
	local id=-
	while [ "${id#-}" != "$id" ]; do
		id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
	done
	printf '%s\n' "$id"
}

# free_port: sets port to one that nobody listens on and that was not given
# before, below those that outgoing connections take.
taken=' '
free_port() {
	while :; do
		port=$((20000 + RANDOM % 12000))
		case $taken in *" $port "*) continue ;; esac
		if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			taken+="$port "
			return
		fi
	done
}

# loopback PORT...: the addresses of the ports, with commas between them.
loopback() {
	printf ',127.0.0.1:%s' "$@" | cut -c 2-
}

# certificates: an authority, and what it signs for the brokers and a client.
certificates() {
	need openssl openssl
	(
		cd "$dir"
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
			-subj /CN=evident-interop-authority -keyout ca.key -out ca.pem
		for name in broker client; do
			openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
				-subj "/CN=$name" -keyout "$name.key" -out "$name.csr"
			openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
				-extfile <(echo subjectAltName=IP:127.0.0.1) -out "$name.pem"
		done
		cat broker.key broker.pem >broker-keystore.pem
	) 2>"$dir/openssl.log" || fail "openssl: $(cat "$dir/openssl.log")"
}

# secure_properties: what --secure adds to a node's properties.
secure_properties() {
	local module=org.apache.kafka.common.security
	cat <<-EOF
		ssl.keystore.type=PEM
		ssl.keystore.location=$dir/broker-keystore.pem
		ssl.truststore.type=PEM
		ssl.truststore.location=$dir/ca.pem
		listener.name.ssl.ssl.client.auth=required
		sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
		listener.name.sasl_ssl.plain.sasl.jaas.config=$module.plain.PlainLoginModule required user_alice="alice-secret";
		listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=$module.scram.ScramLoginModule required;
		listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required;
		listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=$module.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
	EOF
}

# properties NODE: the configuration of a node. Internal topics have as many
# replicas as there are nodes, groups begin and are assigned without waiting,
# and the lowest timeouts are low enough for tests.
properties() {
	local listeners=PLAINTEXT://127.0.0.1:${plaintext[$1]}
	if [ -n "$secure" ]; then
		listeners+=,SSL://127.0.0.1:${ssl[$1]},SASL_SSL://127.0.0.1:${sasl_ssl[$1]}
	fi
	cat <<-EOF
		process.roles=broker,controller
		node.id=$1
		listeners=$listeners,CONTROLLER://127.0.0.1:${controller[$1]}
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
		inter.broker.listener.name=PLAINTEXT
		controller.listener.names=CONTROLLER
		controller.quorum.bootstrap.servers=$(loopback "${controller[@]}")
		log.dirs=$dir/node-$1/data
		offsets.topic.replication.factor=$nodes
		offsets.topic.num.partitions=4
		transaction.state.log.replication.factor=$nodes
		transaction.state.log.min.isr=$((nodes / 2 + 1))
		transaction.state.log.num.partitions=4
		share.coordinator.state.topic.replication.factor=$nodes
		share.coordinator.state.topic.min.isr=$((nodes / 2 + 1))
		share.coordinator.state.topic.num.partitions=4
		group.initial.rebalance.delay.ms=0
		group.min.session.timeout.ms=100
		group.consumer.min.session.timeout.ms=100
		group.consumer.min.heartbeat.interval.ms=50
		group.share.min.session.timeout.ms=100
		group.share.min.heartbeat.interval.ms=50
		group.share.min.record.lock.duration.ms=1000
		group.share.min.assignment.interval.ms=0
		group.share.assignment.interval.ms=0
		group.share.assignor.offload.enable=false
	EOF
	if [ -n "$secure" ]; then
		secure_properties
	fi
	printf '%s\n' "${settings[@]}"
}

# format NODE: prepares the node's data folder.
format() {
	local options=()
	if [ -n "$secure" ]; then
		options=(--add-scram 'SCRAM-SHA-256=[name=alice,password=alice-secret]'
			--add-scram 'SCRAM-SHA-512=[name=alice,password=alice-secret]')
	fi
	(java_program broker kafka.tools.StorageTool format --cluster-id "$cluster" --config "$dir/node-$1/server.properties" \
		--initial-controllers "$voters" "${options[@]}") >"$dir/node-$1/log" 2>&1 ||
		fail "the storage of node $1 could not be formatted: $(cat "$dir/node-$1/log")"
}

# launch NODE: starts the node and notes its process id.
launch() {
	java_program broker kafka.Kafka "$dir/node-$1/server.properties" </dev/null >>"$dir/node-$1/log" 2>&1 &
	echo $! >"$dir/node-$1/pid"
}

# wait_ready NODE: until it serves, for two minutes at most.
wait_ready() {
	local log=$dir/node-$1/log
	for _ in $(seq 1200); do
		if grep -q 'Kafka Server started' "$log"; then
			return
		fi
		kill -0 "$(cat "$dir/node-$1/pid")" 2>/dev/null || break
		sleep 0.1
	done
	tail -n 40 "$log" >&2
	stop
	fail "node $1 did not start"
}

start() {
	case $nodes in 1 | 3) ;; *) fail "--nodes $nodes: want 1 or 3" ;; esac
	[ ! -e "$dir" ] || fail "$dir is there already: stop that cluster, or name another folder with --dir"
	jars broker >/dev/null
	local n
	plaintext=() ssl=() sasl_ssl=() controller=() cluster=$(uuid) voters=
	for n in $(seq "$nodes"); do
		free_port && plaintext[n]=$port
		free_port && ssl[n]=$port
		free_port && sasl_ssl[n]=$port
		free_port && controller[n]=$port
		voters+=${voters:+,}$n@127.0.0.1:$port:$(uuid)
		mkdir -p "$dir/node-$n"
	done
	if [ -n "$secure" ]; then
		certificates
		loopback "${ssl[@]}" >"$dir/ssl"
		loopback "${sasl_ssl[@]}" >"$dir/sasl_ssl"
	fi
	say "starting Apache Kafka $version, nodes: $nodes"
	for n in $(seq "$nodes"); do
		properties "$n" >"$dir/node-$n/server.properties"
		format "$n"
	done
	for n in $(seq "$nodes"); do launch "$n"; done
	for n in $(seq "$nodes"); do wait_ready "$n"; done
	loopback "${plaintext[@]}" | tee "$dir/plaintext"
}

# ours PID: whether that process is a node of this cluster still.
ours() {
	ps -ww -o command= -p "$1" 2>/dev/null | grep -qF "$dir/node-"
}

stop() {
	local pid file
	for file in "$dir"/node-*/pid; do
		[ -e "$file" ] || fail "there is no cluster in $dir"
		pid=$(cat "$file")
		if ours "$pid"; then kill "$pid"; fi
	done
	for file in "$dir"/node-*/pid; do
		pid=$(cat "$file")
		for _ in $(seq 300); do
			ours "$pid" || break
			sleep 0.1
		done
		if ours "$pid"; then kill -KILL "$pid"; fi
	done
	rm -rf "$dir"
}

# kill_node: ends a node at once.
kill_node() {
	local pid
	pid=$(cat "$dir/node-$node/pid" 2>/dev/null) || fail "there is no node $node in $dir"
	ours "$pid" || fail "node $node does not run"
	kill -KILL "$pid"
	while ours "$pid"; do sleep 0.05; done
}

# resume_node: starts a node again.
resume_node() {
	[ -e "$dir/node-$node/pid" ] || fail "there is no node $node in $dir"
	if ours "$(cat "$dir/node-$node/pid")"; then fail "node $node runs"; fi
	mv "$dir/node-$node/log" "$dir/node-$node/log.before"
	launch "$node"
	wait_ready "$node"
}

command=${1:-help}
[ $# -eq 0 ] || shift
version=${KAFKA_VERSION:-$(pinned kafka.version)}
case $command in
tool) tool "${@:-none}" ;;
classpath) printf '%s/*\n' "$(jars "${1:-none}")" && exit ;;
version) printf '%s\n' "$version" && exit ;;
start | stop | kill | resume) ;;
*) sed -n '2,/^set -/{/^set -/!s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}" && exit ;;
esac

dir=${TMPDIR:-/tmp}/evident-kafka nodes=1 secure='' settings=() node=
while [ $# -gt 0 ]; do
	case $1 in
	--secure)
		secure=yes
		shift
		continue
		;;
	esac
	[ $# -gt 1 ] || fail "$1: want a value behind it"
	case $1 in
	--dir) dir=$2 ;;
	--nodes) nodes=$2 ;;
	--node) node=$2 ;;
	--version) version=$2 ;;
	--set) settings+=("$2") ;;
	*) fail "unknown option $1: \"kafka.sh help\" lists them" ;;
	esac
	shift 2
done
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
case $command in
kill | resume)
	[ -n "$node" ] || fail "$command: which node? Give --node"
	"${command}_node"
	;;
*) "$command" ;;
esac
