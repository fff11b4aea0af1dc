#!/usr/bin/env bash
# Runs all scripts that set somebody else's client against evident, and prints
# one table, which it puts into the README. Arguments name the scripts to run
# instead of all: the table keeps the rows of the others, so that it can be
# completed in several runs.
#
# A peer that cannot be run here, for want of a tool or a registry, fails; the
# others run all the same.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

all=(franz-go java sasl librdkafka python kcat kafkajs go-clients conformance engine bank ledger erasure full-disk shared anchor contract witness cloudevents registry resources processors demo) # in the table's order
scripts=("$@")
if [ $# -eq 0 ]; then
	scripts=("${all[@]}")
fi
readme=$repository/README.md
for script in "${scripts[@]}"; do
	if [[ " ${all[*]} " != *" $script "* ]]; then
		echo "all.sh: $script is no script: want some of ${all[*]}" >&2
		exit 2
	fi
done

build_evident
export EVIDENT=$evident
broken=()
for script in "${scripts[@]}"; do
	say "interop/$script.sh"
	touch "$work/$script.rows"
	RESULTS=$work/$script.rows "$repository/interop/$script.sh" || broken+=("$script")
done

# rows SCRIPT: those of this run, or else those that the README has.
rows() {
	cat "$work/$1.rows" 2>/dev/null || grep -F "| interop/$1.sh |" "$readme" || true
}

# table: the results as Markdown.
table() {
	echo '| peer | version | cases | passed | by | on |'
	echo '|---|---|---:|---:|---|---|'
	for script in "${all[@]}"; do rows "$script"; done
}

say "results"
table | tee "$work/table"
sed -e "/<!-- interop: begin/r $work/table" -e '/<!-- interop: begin/,/<!-- interop: end/{/<!-- interop/!d;}' "$readme" >"$work/README.md"
cat "$work/README.md" >"$readme"
if [ ${#broken[@]} -ne 0 ]; then
	echo "failed: ${broken[*]}"
	exit 1
fi
