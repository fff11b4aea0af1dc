#!/usr/bin/env bash
# librdkafka's own test-suite, built from the sources that an npm package
# carries, against evident: as Kafka 4.2, with both protocols of consumer groups,
# and with and without topics that are made by asking for them.
#
#   interop/librdkafka.sh [NUMBER...]    those tests only, such as 0011
#
# Tests with a broker of their own (mock, or none) are left out, and those that
# librdkafka/exceptions.txt gives reasons for. A test that fails is run again by
# itself, on a node of its own, because many fail where the machine is busy.
# PARALLEL (default: 4) is how many run at the same time.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

package=@confluentinc/kafka-javascript@1.10.1
version=2.15.1
export TEST_KAFKA_VERSION=4.2.0

need npm "Node.js' package manager"
need make "Debian's build-essential"
need g++ "Debian's build-essential"

# libraries: installs what librdkafka is built with, where it is missing.
libraries() {
	local header
	for header in openssl/ssl.h zlib.h zstd.h; do
		if ! echo "#include <$header>" | gcc -E - >/dev/null 2>&1; then
			say "installing libraries"
			apt-get update -qq
			apt-get install -y -qq libssl-dev zlib1g-dev libzstd-dev >/dev/null
		fi
	done
}

# build: makes tests/test-runner in $folder. Topics that tests want on three nodes
# are made on one; nothing else is changed.
build() {
	libraries
	say "building librdkafka $version"
	rm -rf "$folder.partial"
	mkdir -p "$folder.partial"
	(
		cd "$folder.partial"
		npm pack --silent "$package" >/dev/null
		tar -xzf ./*.tgz --strip-components=3 package/deps/librdkafka
		rm ./*.tgz
		sed -i 's/NewTopic_new(topicname, partition_cnt, replication_factor,/NewTopic_new(topicname, partition_cnt, 1,/' tests/test.c
		./configure --disable-gssapi --disable-curl >build.log
		{ make -j2 libs && make -j2 -C tests build; } >>build.log 2>&1
	) || {
		tail -n 40 "$folder.partial/build.log"
		return 1
	}
	mv "$folder.partial" "$folder"
}

folder=$cache/librdkafka-$version-one-node
if [ ! -x "$folder/tests/test-runner" ]; then
	build
fi
build_evident

# Kafka's tools, where the tests look for them.
export KAFKA_HEAP_OPTS="-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC" KAFKA_PATH=$work/kafka
mkdir -p "$KAFKA_PATH/bin"
printf '#!/bin/sh\nexec "%s/interop/kafka.sh" tool kafka-topics "$@"\n' "$repository" >"$KAFKA_PATH/bin/kafka-topics.sh"
chmod +x "$KAFKA_PATH/bin/kafka-topics.sh"

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

# cases: the numbers of all tests; of some, their parts instead.
cases() {
	local file=$repository/interop/librdkafka/parts.txt number
	for number in $(cd "$folder/tests" && printf '%s\n' 0*-*.c* | cut -c 1-4 | sort -u); do
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
	rm -rf "$work/data"
	start_evident --listen-kafka 127.0.0.1:0 --partitions 4 "$@"
	export BROKERS=$kafka
	printf 'bootstrap.servers=%s\ntest.timeout.multiplier=3\n' "$kafka" >"$RDKAFKA_TEST_CONF"
}

# suite WHAT FLAG...: runs the tests against a node with these flags.
suite() {
	local list one
	what=$1
	shift
	say "$what"
	export logs=$work/logs-${what//[^A-Za-z0-9]/}
	mkdir -p "$logs"
	mapfile -t list < <(cases)
	serve "$@"
	printf '%s\n' "${list[@]}" | xargs -P "${PARALLEL:-4}" -I{} bash -c 'run_test {}' 2>/dev/null
	stop_evident
	for one in "${list[@]}"; do
		if unexpected "$one" | grep -q .; then
			say "again, by itself: $one"
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

# exception NAME: prints why this test is left out of this suite.
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
			echo "left out $name: $reason"
		elif [ "$result" = PASSED ]; then
			passed=$((passed + 1))
			echo "ok $name"
		elif [ "$result" = SKIPPED ]; then
			echo "skipped $name: $(grep -ao 'SKIPPING TEST: .*' "$log" | head -n 1 | cut -c 16-)"
		else
			failed=$((failed + 1))
			echo "FAILED $name"
			grep -aA 1 '^### Test "0' "$log" | grep -v '^--' | head -n 6 | cut -c 1-300 | sed 's/^/    /' || true
			cp "$log" "${TMPDIR:-/tmp}/librdkafka-$(basename "$log")"
		fi
	done < <(results "$1")
}

chosen=("$@")
suite "classic groups"
TEST_SCENARIO=noautocreate suite "topics made explicitly" --auto-create-topics=false
TEST_CONSUMER_GROUP_PROTOCOL=consumer suite "KIP-848 groups"

finish
