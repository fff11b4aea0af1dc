# shellcheck shell=bash
# Shared by the scripts beside it: builds evident, runs `evident serve` on a
# temporary folder and free ports, and ends it by its own process id.
#
# To be sourced. Sets work (a temporary folder, removed at exit), cache (a
# folder that is kept, for what comes from package registries), and after
# start_evident also evident_pid, kafka and http (host:port), and after
# start_guarded_evident also sasl, secure (host:port), user and password.

set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/evident-interop.XXXXXX")
# shellcheck disable=SC2034 # for the scripts that source this one
cache=${XDG_CACHE_HOME:-$HOME/.cache}/evident-interop
evident="$work/evident"
evident_pid=
passed=0
failed=0

cleanup() {
	stop_evident
	rm -rf "$work"
}
trap cleanup EXIT

say() {
	printf '== %s\n' "$*"
}

# need COMMAND WHERE: ends the script unless there is such a command.
need() {
	if ! command -v "$1" >/dev/null; then
		printf '%s needs %s (%s)\n' "$(basename "$0")" "$1" "$2" >&2
		exit 2
	fi
}

# check NAME COMMAND...: one case. The command, often a function, must succeed
# in each of its steps; what it printed is shown if it does not.
check() {
	local name=$1 status
	shift
	set +e
	(
		set -e
		"$@"
	) >"$work/case.log" 2>&1
	status=$?
	set -e
	if [ "$status" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok $name"
	else
		failed=$((failed + 1))
		echo "FAILED $name (exit code $status)"
		tail -n 40 "$work/case.log" | sed 's/^/    /'
		still_serves
	fi
}

# still_serves: ends the script if the server has ended by itself.
still_serves() {
	if [ -n "$evident_pid" ] && ! kill -0 "$evident_pid" 2>/dev/null; then
		wait "$evident_pid" || echo "the server ended by itself, exit code $?:"
		tail -n 100 "$work/serve.log"
		exit 1
	fi
}

# count_cases COMMAND...: runs a program that prints "ok NAME" or "FAILED NAME"
# for each of its cases, and counts them. Dying without a word is a failure too.
count_cases() {
	local status=0 lost
	"$@" 2>&1 | tee "$work/cases.log" || status=$?
	lost=$(grep -c '^FAILED ' "$work/cases.log") || true
	if [ "$status" -ne 0 ] && [ "$lost" -eq 0 ]; then
		echo "FAILED ${*##*/}: exit code $status"
		lost=1
	fi
	passed=$((passed + $(grep -c '^ok ' "$work/cases.log" || true)))
	failed=$((failed + lost))
}

# go_cases PACKAGE [FLAG...]: go test's results in the words of lib.sh.
go_cases() {
	local status=0
	go -C "$repository/interop" test -count=1 -v -timeout 15m "$@" >"$work/go.log" 2>&1 || status=$?
	grep -oE -- '--- (PASS|FAIL): [^ ]+' "$work/go.log" | awk '
		{ name[NR] = $3; result[NR] = $2 == "PASS:" ? "ok" : "FAILED"; parent = $3 }
		sub("/[^/]*$", "", parent) { parts[parent] = 1 }
		END { for (i = 1; i <= NR; i++) if (!(name[i] in parts)) print result[i], name[i] }'
	if [ "$status" -ne 0 ]; then
		sed 's/^/    /' "$work/go.log"
	fi
	return "$status"
}

# report PEER VERSION: closes the cases since the last report. Where RESULTS
# names a file, it gets a row of the table that `make interop` prints.
report() {
	printf '%s %s: %d passed, %d failed\n' "$1" "$2" "$passed" "$failed"
	if [ -n "${RESULTS:-}" ]; then
		printf '| %s | %s | %d | %d | %s | %s |\n' "$1" "$2" $((passed + failed)) "$passed" \
			"interop/$(basename "$0")" "$(date -u +%F)" >>"$RESULTS"
	fi
	all_passed=$((${all_passed:-0} + passed))
	all_failed=$((${all_failed:-0} + failed))
	passed=0
	failed=0
}

# finish: the script's last line and its exit code.
finish() {
	if [ "${all_failed:-0}" -ne 0 ] && [ -e "$work/serve.log" ]; then
		cp "$work/serve.log" "${TMPDIR:-/tmp}/evident-serve.log"
		say "the server's log is kept in ${TMPDIR:-/tmp}/evident-serve.log"
	fi
	printf '%d passed, %d failed\n' "${all_passed:-0}" "${all_failed:-0}"
	[ "${all_failed:-0}" -eq 0 ]
}

# medians FILE SERVER...: a table of a file with lines of server, figure and value,
# separated by tabs: for each figure and server the median of the values.
medians() {
	local file=$1
	shift
	sort -t$'\t' -k2,2 -k1,1 -k3,3g "$file" | awk -F'\t' -v servers="$*" '
		{ key = $2 "\t" $1; n[key]++; v[key, n[key]] = $3; if (!seen[$2]++) order[++figures] = $2 }
		END {
			count = split(servers, s, " ")
			printf "| |"; for (i = 1; i <= count; i++) printf " %s |", s[i]
			printf "\n|---|"; for (i = 1; i <= count; i++) printf "---|"
			for (f = 1; f <= figures; f++) {
				printf "\n| %s |", order[f]
				for (i = 1; i <= count; i++) { key = order[f] "\t" s[i]; printf " %.4g |", v[key, int((n[key] + 1) / 2)] }
			}
			print ""
		}'
}

# build_evident: or takes the program that EVIDENT names.
build_evident() {
	if [ -n "${EVIDENT:-}" ]; then
		evident=$EVIDENT
		return
	fi
	say "building evident"
	go -C "$repository" build -o "$evident" ./cmd/evident
}

# ready_address NAME: the host:port behind NAME in the server's ready line.
ready_address() {
	grep -m 1 -w ready "$work/serve.log" | grep -oE "$1[^0-9]*[0-9.]+:[0-9]+" | head -n 1 | grep -oE '[0-9.]+:[0-9]+$'
}

# start_evident [FLAG...]: starts a server with these flags, or else with a Kafka
# listener in plain text, and waits until it is ready.
start_evident() {
	if [ $# -eq 0 ]; then
		set -- --listen-kafka 127.0.0.1:0
	fi
	"$evident" serve --data "$work/data" --listen-http 127.0.0.1:0 "$@" >"$work/serve.log" 2>&1 &
	evident_pid=$!
	for _ in $(seq 200); do
		if grep -qw ready "$work/serve.log"; then
			kafka=$(ready_address kafka)
			http=$(ready_address http)
			say "evident serves $kafka (http $http)"
			return
		fi
		if ! kill -0 "$evident_pid" 2>/dev/null; then
			break
		fi
		sleep 0.05
	done
	echo "evident did not become ready:" >&2
	cat "$work/serve.log" >&2
	return 1
}

# start_guarded_evident [FLAG...]: starts a server with two more listeners, which the user
# $user with the password $password can use by all mechanisms: sasl is in plain
# text, secure has the certificate $work/cert.pem.
start_guarded_evident() {
	user=interop
	password='interop, but =secret='
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=evident \
		-addext subjectAltName=IP:127.0.0.1 -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
	cat >"$work/evident.yaml" <<-END
		listeners:
		  kafka:
		    - {name: kafka, address: "127.0.0.1:0"}
		    - {name: sasl, address: "127.0.0.1:0", sasl: [PLAIN, SCRAM-SHA-256, SCRAM-SHA-512]}
		    - name: secure
		      address: 127.0.0.1:0
		      tls-cert: $work/cert.pem
		      tls-key: $work/key.pem
		      sasl: [PLAIN, SCRAM-SHA-256, SCRAM-SHA-512]
	END
	start_evident --config "$work/evident.yaml" "$@"
	# shellcheck disable=SC2034 # for the scripts
	sasl=$(ready_address 'kafka\.sasl')
	# shellcheck disable=SC2034
	secure=$(ready_address 'kafka\.secure')
	"$evident" user create "$user" --brokers "$kafka" <<<"$password"
}

stop_evident() {
	if [ -n "$evident_pid" ]; then
		kill "$evident_pid" 2>/dev/null || true
		wait "$evident_pid" 2>/dev/null || true
		evident_pid=
	fi
}
