#!/usr/bin/env bash
# Runs franz-go's own client tests, of the version in go.mod, against evident.
#
# One skips itself, and the summary says why: TestIssueProduceBrokerTooOld* wants a
# broker that does not list Produce version 2.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

records=${KGO_TEST_RECORDS:-50000}

say "copying franz-go out of the module cache"
module=$(go -C "$repository" list -m -f '{{.Dir}}' github.com/twmb/franz-go)
cp -r "$module" "$work/franz-go"
chmod -R u+w "$work/franz-go"

build_evident
# shellcheck disable=SC2119
start_guarded_evident

say "go test ./pkg/kgo with $records records"
status=0
KGO_SEEDS=$kafka KGO_TEST_SCRAM_SEEDS=$sasl KGO_TEST_SCRAM=$user:$password KGO_TEST_RF=1 KGO_TEST_RECORDS=$records KGO_LOG_LEVEL=none \
	go -C "$work/franz-go" test -v -count=1 -timeout 30m "$@" ./pkg/kgo >"$work/kgo.log" 2>&1 || status=$?

say "summary"
count() {
	grep -cE "^ *--- $1:" "$work/kgo.log" || true
}
printf '%s skipped\n' "$(count SKIP)"
grep -E '^ *--- SKIP:' "$work/kgo.log" || true
grep -oE '_test.go:[0-9]+: (broker does not|broker still|KGO_TEST_SCRAM).*' "$work/kgo.log" | cut -d' ' -f2- | sort | uniq -c || true
if [ "$status" -ne 0 ]; then
	cp "$work/kgo.log" "$work/serve.log" "${TMPDIR:-/tmp}/"
	grep -E '^ *--- FAIL:|^panic:|^FAIL' "$work/kgo.log" || tail -n 50 "$work/kgo.log"
	say "logs kept in ${TMPDIR:-/tmp}/kgo.log and ${TMPDIR:-/tmp}/serve.log"
fi
passed=$(count PASS)
failed=$(count FAIL)
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
	failed=1 # it ended in a panic, or by its timeout
fi
report franz-go "$(go -C "$repository" list -m -f '{{.Version}}' github.com/twmb/franz-go)"

finish
