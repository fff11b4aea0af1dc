#!/usr/bin/env bash
# librdkafka's own test-suite, built from the sources that an npm package
# carries, against evident: as Kafka 4.2, with both protocols of consumer groups,
# and with and without topics that are made by asking for them.
#
#   interop/librdkafka.sh [NUMBER...]    those tests only, such as 0011
#
# Tests with a broker of their own (mock, or none) are left out, and those that
# librdkafka/exceptions.txt gives reasons for. A test that fails is run again by
# itself at the end, because many fail where the machine is busy.
# PARALLEL (default: 4) is how many run at the same time.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

package=@confluentinc/kafka-javascript@1.10.1
version=2.15.1

need npm "Node.js' package manager"
need make "Debian's build-essential"
need g++ "Debian's build-essential"

# build: makes tests/test-runner in $folder.
build() {
	for header in openssl/ssl.h zlib.h zstd.h; do
		if ! echo "#include <$header>" | gcc -E - >/dev/null 2>&1; then
			say "installing libraries"
			apt-get update -qq
			apt-get install -y -qq libssl-dev zlib1g-dev libzstd-dev >/dev/null
		fi
	done
	say "building librdkafka $version"
	rm -rf "$folder.partial"
	mkdir -p "$folder.partial"
	(
		cd "$folder.partial"
		npm pack --silent "$package" >/dev/null
		tar -xzf ./*.tgz --strip-components=3 package/deps/librdkafka
		./configure --disable-gssapi --disable-curl >build.log
		{ make -j2 libs && make -j2 -C tests build; } >>build.log 2>&1
	) || {
		tail -n 40 "$folder.partial/build.log"
		return 1
	}
	mv "$folder.partial" "$folder"
}

folder=$cache/librdkafka-$version
if [ ! -x "$folder/tests/test-runner" ]; then
	build
fi

build_evident

# Kafka's tools, where the tests look for them.
export KAFKA_HEAP_OPTS="-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC" KAFKA_PATH=$work/kafka
mkdir -p "$KAFKA_PATH/bin"
for tool in kafka-topics kafka-acls kafka-configs; do
	printf '#!/bin/sh\nexec "%s/interop/kafka.sh" tool %s "$@"\n' "$repository" "$tool" >"$KAFKA_PATH/bin/$tool.sh"
	chmod +x "$KAFKA_PATH/bin/$tool.sh"
done

export LD_LIBRARY_PATH=$folder/src:$folder/src-cpp RDKAFKA_TEST_CONF=$work/test.conf
export TEST_KAFKA_VERSION=4.2.0 TEST_LEVEL=1
TESTS_SKIP=$(grep -oE '^[0-9]{4}[^ ]*' "$repository/interop/librdkafka/exceptions.txt" | paste -sd, || true)
export TESTS_SKIP

# run_test NUMBER: runs the tests of a number, and keeps what they say.
run_test() {
	(cd "$folder/tests" && TESTS=$1 timeout 1200 ./test-runner -L) >"$logs/$1.log" 2>&1 || true
}
export -f run_test
export folder

# results NUMBER: "NAME RESULT" for each of its tests, from the runner's summary.
# Without a summary it has crashed, or run out of time.
results() {
	sed 's/\x1b\[[0-9;]*m//g' "$logs/$1.log" | awk -F'|' -v number="$1" '
		/^\|/ && $2 ~ /^ *[0-9][0-9][0-9][0-9]_/ { gsub(/ /, "", $2); gsub(/ /, "", $3); seen[$2] = $3 }
		END { for (name in seen) { print name, seen[name]; any = 1 }; if (!any) print number, "CRASHED" }'
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
	local what=$1 numbers number again=()
	shift
	say "$what"
	export logs=$work/logs-${what//[^a-z]/}
	mkdir -p "$logs"
	serve "$@"
	numbers=("${chosen[@]}")
	if [ ${#numbers[@]} -eq 0 ]; then
		mapfile -t numbers < <(cd "$folder/tests" && printf '%s\n' [0]*-*.c* | cut -c 1-4 | sort -u)
	fi
	printf '%s\n' "${numbers[@]}" | xargs -P "${PARALLEL:-4}" -I{} bash -c 'run_test {}'
	for number in "${numbers[@]}"; do
		if results "$number" | grep -qE ' (FAILED|CRASHED)$'; then again+=("$number"); fi
	done
	stop_evident
	for number in "${again[@]}"; do
		say "again, by itself: $number"
		mv "$logs/$number.log" "$logs/$number.first.log"
		serve "$@"
		run_test "$number"
		stop_evident
	done
	for number in "${numbers[@]}"; do
		tell "$number"
	done
	report "librdkafka's tests, $what" "$version"
}

# tell NUMBER: counts and prints how its tests ended.
tell() {
	local name result
	while read -r name result; do
		case $result in
		PASSED)
			passed=$((passed + 1))
			echo "ok $name"
			;;
		FAILED | CRASHED)
			failed=$((failed + 1))
			echo "FAILED $name"
			cp "$logs/$1".*log "${TMPDIR:-/tmp}/"
			sed 's/\x1b\[[0-9;]*m//g' "$logs/$1.log" | grep -aE '^### Test|assert|timed out' | head -n 5 | cut -c 1-300 | sed 's/^/    /' || true
			;;
		SKIPPED) skipped_for "$name" "$logs/$1.log" ;;
		esac
	done < <(results "$1")
}

# skipped_for NAME LOG: prints why a test skipped itself, unless that is that it
# needs no broker, or a scenario of its own.
skipped_for() {
	sed 's/\x1b\[[0-9;]*m//g' "$2" | awk -F'|' -v name="$1" '
		$2 ~ "^ *" name " *$" && $5 !~ /negative test flags|^ *$/ { print "skipped " name ":" $5 }'
}

chosen=("$@")
suite "classic groups"
TEST_SCENARIO=noautocreate suite "classic groups, topics not made by asking" --auto-create-topics=false
TEST_CONSUMER_GROUP_PROTOCOL=consumer suite "KIP-848 groups"

finish
