#!/usr/bin/env bash
# librdkafka's own test-suite, built from the sources that an npm package
# carries, against evident, in four parts: with classic groups and with the
# consumer groups of KIP-848, both as against Kafka 4.1, with topics that are
# not made by asking for them, and with share groups, as against Kafka 4.2.
#
#   interop/librdkafka.sh [NUMBER...]    those tests only, such as 0011
#
# Tests with a broker of their own (mock, or none) are left out. Those that
# librdkafka/exceptions.txt gives reasons for are run, but do not count. A test
# that fails is run again by itself, on a node of its own, because some fail where
# the machine is busy. Environment:
#
#   PARALLEL   how many tests run at the same time (default: 4)
#   SUITES     a pattern of the parts' names: classic, KIP-848, explicit, share (default: all)
#   PEER       host:port of another server to run them against, to compare: Apache
#              Kafka, as kafka.sh starts it with --set num.partitions=4
#
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

package=@confluentinc/kafka-javascript@1.10.1
version=2.15.1

need npm "Node.js' package manager"
need make "Debian's build-essential"
need g++ "Debian's build-essential"
need javac "Debian's openjdk-17-jdk-headless"

# libraries: installs what librdkafka and its tests are built with, where it is missing.
libraries() {
	local header
	for header in openssl/ssl.h zlib.h zstd.h rapidjson/schema.h; do
		if ! echo "#include <$header>" | g++ -x c++ -E - >/dev/null 2>&1; then
			say "installing libraries"
			apt-get update -qq
			apt-get install -y -qq libssl-dev zlib1g-dev libzstd-dev rapidjson-dev >/dev/null
		fi
	done
}

# build: makes tests/test-runner and the Java clients that tests run beside theirs,
# in $folder. Topics that tests want on three nodes are made on one; nothing else is
# changed.
build() {
	libraries
	say "building librdkafka $version"
	rm -rf "$folder.partial"
	mkdir -p "$folder.partial"
	(
		cd "$folder.partial" &&
			npm pack --silent "$package" >/dev/null &&
			tar -xzf ./*.tgz --strip-components=3 package/deps/librdkafka &&
			rm ./*.tgz &&
			sed -i 's/NewTopic_new(topicname, partition_cnt, replication_factor,/NewTopic_new(topicname, partition_cnt, 1,/' tests/test.c &&
			./configure --disable-gssapi --disable-curl >build.log &&
			grep '^WITH_RAPIDJSON=.*y' Makefile.config >>build.log &&
			{ make -j2 libs && make -j2 -C tests build && make -C tests/java KAFKA_JARS="${classpath%/*}"; } >>build.log 2>&1
	) || {
		tail -n 40 "$folder.partial/build.log"
		return 1
	}
	mv "$folder.partial" "$folder"
}

slow=(0077 0081 0089 0098 0113)
classpath=$("$repository/interop/kafka.sh" classpath tools)
folder=$cache/librdkafka-$version-$(declare -f build | sha256sum | cut -c 1-12)
if [ ! -x "$folder/tests/test-runner" ]; then
	build
fi
if [ -z "${PEER:-}" ]; then
	build_evident
fi

# Kafka's programs, where the tests look for them. The Java clients are built
# already, and run from the folder of the tests.
export KAFKA_HEAP_OPTS="-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC" KAFKA_PATH=$work/kafka KAFKA_JARS=${classpath%/*}
mkdir -p "$KAFKA_PATH/bin"
for tool in kafka-topics kafka-acls; do
	printf '#!/bin/sh\nexec "%s/interop/kafka.sh" tool %s "$@"\n' "$repository" $tool >"$KAFKA_PATH/bin/$tool.sh"
done
# shellcheck disable=SC2016 # expanded when it runs
printf '#!/bin/sh\nexec java %s -cp "$CLASSPATH:%s" "$@"\n' "$KAFKA_HEAP_OPTS" "$classpath" >"$KAFKA_PATH/bin/kafka-run-class.sh"
chmod +x "$KAFKA_PATH"/bin/*.sh

export LD_LIBRARY_PATH=$folder/src:$folder/src-cpp RDKAFKA_TEST_CONF=$work/test.conf folder

# run_test CASE: runs the tests of a number, or of NUMBER/PART only those parts
# whose names have PART in them, and keeps what they say.
run_test() {
	local number=${1%%/*} part=
	if [ "$1" != "$number" ]; then part=${1#*/}; fi
	(
		cd "$folder/tests"
		if [ -n "$part" ]; then export SUBTESTS=$part; fi
		TESTS=$number timeout 1200 ./test-runner -L 2>&1 | sed 's/\x1b\[[0-9;]*m//g' >"$logs/${1/\//-}.log"
	) || true
}
export -f run_test

# numbers share|other: of the tests of share groups, or of all others; those that
# take minutes come first. Tests of the mock broker are left out.
numbers() {
	local file name kind
	printf '%s\n' "${slow[@]}" >"$work/slow"
	for file in "$folder"/tests/0*-*.c*; do
		name=${file##*/} kind=other
		case $name in
		*mock*) continue ;;
		*-share_*) kind=share ;;
		esac
		if [ "$kind" = "$1" ]; then echo "${name%%-*}"; fi
	done | sort -u >"$work/numbers"
	grep -Fxf "$work/slow" "$work/numbers" || true
	grep -vFxf "$work/slow" "$work/numbers" || true
}

# cases share|other: the numbers of those tests; of some, their parts instead.
cases() {
	local file=$repository/interop/librdkafka/parts.txt number
	for number in $(numbers "$1"); do
		if [ ${#chosen[@]} -gt 0 ] && [[ " ${chosen[*]} " != *" $number "* ]]; then continue; fi
		grep "^$number/" "$file" || echo "$number"
	done
}

# results CASE: "NAME RESULT" for each of its tests. A test that neither passed
# nor skipped itself has failed, or died.
results() {
	local part=
	if [[ $1 == */* ]]; then part=/${1#*/}; fi
	awk -v part="$part" '
		/=== Running test / { name = $0; sub(/.*Running test /, "", name); sub(/ .*/, "", name); if (!(name in how)) how[name] = "FAILED" }
		/=== Test .* (PASSED|SKIPPED) ===/ { name = $0; sub(/.*=== Test /, "", name); result = name; sub(/ .*/, "", name)
			sub(/^[^ ]* /, "", result); sub(/ .*/, "", result); how[name] = result }
		END { for (name in how) print name part, how[name] }' "$logs/${1/\//-}.log" | sort
}

# serve FLAG...: starts a node with nothing on it, and tells the tests.
serve() {
	if [ -z "${PEER:-}" ]; then
		rm -rf "$work/data"
		start_evident --listen-kafka 127.0.0.1:0 --partitions 4 "$@"
	else
		kafka=$PEER
	fi
	export BROKERS=$kafka
	printf 'bootstrap.servers=%s\ntest.timeout.multiplier=3\n' "$kafka" >"$RDKAFKA_TEST_CONF"
}

# suite WHAT share|other FLAG...: runs the tests against a node with these flags.
suite() {
	local list one tests=$2
	what=$1
	shift 2
	if ! [[ $what =~ ${SUITES:-.} ]]; then return; fi
	mapfile -t list < <(cases "$tests")
	if [ ${#list[@]} -eq 0 ]; then return; fi
	say "$what"
	export logs=$work/logs-${what//[^A-Za-z0-9]/}
	mkdir -p "$logs"
	serve "$@"
	printf '%s\n' "${list[@]}" | xargs -P "${PARALLEL:-4}" -I{} bash -c 'run_test {}' 2>/dev/null
	stop_evident
	for one in "${list[@]}"; do
		if unexpected "$one" | grep -q .; then
			say "again, by itself: $one"
			cp "$logs/${one/\//-}.log" "${TMPDIR:-/tmp}/librdkafka-${one/\//-}.first.log"
			serve "$@"
			run_test "$one"
			stop_evident
		fi
	done
	for one in "${list[@]}"; do
		tell "$one"
	done
	report "librdkafka's tests, $what" "$version"
}

# exception NAME: prints why this test does not count in this suite.
exception() {
	awk -F'\t+' -v name="$1" -v what="$what" '
		!/^#/ && $1 == name && ($2 == "all" || $2 == what) { print $3 }' "$repository/interop/librdkafka/exceptions.txt"
}

# unexpected CASE: the names of its tests that failed and are no exceptions.
unexpected() {
	local name result
	results "$1" | while read -r name result; do
		if [ "$result" = FAILED ] && [ -z "$(exception "$name")" ]; then echo "$name"; fi
	done
}

# tell CASE: counts and prints how its tests ended.
tell() {
	local name result reason log=$logs/${1/\//-}.log
	while read -r name result; do
		reason=$(exception "$name")
		if [ -n "$reason" ]; then
			echo "exception $name, which $result: $reason"
		elif [ "$result" = PASSED ]; then
			passed=$((passed + 1))
			echo "ok $name"
		elif [ "$result" = SKIPPED ]; then
			echo "skipped $name: $(grep -a "^| ${name%%/*} .*SKIPPED" "$log" | head -n 1 | cut -d '|' -f 5- | cut -c 2-)"
		else
			failed=$((failed + 1))
			echo "FAILED $name"
			grep -aA 1 '^### Test "0' "$log" | grep -v '^--' | head -n 6 | cut -c 1-300 | sed 's/^/    /' || true
			cp "$log" "${TMPDIR:-/tmp}/librdkafka-$(basename "$log")"
		fi
	done < <(results "$1")
}

chosen=("$@")
export TEST_KAFKA_VERSION=4.1.0
suite "classic groups" other
TEST_CONSUMER_GROUP_PROTOCOL=consumer suite "KIP-848 groups" other
TEST_SCENARIO=noautocreate suite "topics made explicitly" other --auto-create-topics=false
TEST_KAFKA_VERSION=4.2.0 suite "share groups" share

finish
