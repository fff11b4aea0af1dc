# shellcheck shell=bash
# Shared by the scripts beside it: builds evident, runs `evident serve` on a
# temporary folder and free ports, and ends it by its own process id.
#
# To be sourced. Sets work (a temporary folder, removed at exit), and after
# start_evident also evident_pid, kafka and http (host:port), and after
# start_guarded_evident also sasl, secure (host:port), user and password.

set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/evident-interop.XXXXXX")
evident="$work/evident"
evident_pid=

cleanup() {
	stop_evident
	rm -rf "$work"
}
trap cleanup EXIT

say() {
	printf '== %s\n' "$*"
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

# start_guarded_evident: starts a server with two more listeners, which the user
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
	start_evident --config "$work/evident.yaml"
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
