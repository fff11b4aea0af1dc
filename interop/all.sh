#!/usr/bin/env bash
# Runs all scripts that set somebody else's client against evident, prints one
# table, and puts it into the README. Arguments name the scripts to run instead
# of all, and then the README stays as it is.
#
# A peer that cannot be run here, for want of a tool or a registry, fails; the
# others run all the same.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

scripts=("$@")
if [ $# -eq 0 ]; then
	scripts=(franz-go java sasl librdkafka python kcat kafkajs go-clients conformance)
fi

build_evident
export EVIDENT=$evident RESULTS=$work/results
touch "$RESULTS"
broken=()
for script in "${scripts[@]}"; do
	say "interop/$script.sh"
	"$repository/interop/$script.sh" || broken+=("$script")
done

# table: the results as Markdown.
table() {
	echo '| peer | version | cases | passed |'
	echo '|---|---|---:|---:|'
	sed -E 's/\t/ | /g; s/^/| /; s/$/ |/' "$RESULTS"
}

# put_into FILE: replaces what stands between the table's marks.
put_into() {
	table >"$work/table"
	sed -e "/<!-- interop: begin/r $work/table" -e '/<!-- interop: begin/,/<!-- interop: end/{/<!-- interop/!d;}' "$1" >"$work/new"
	cat "$work/new" >"$1"
}

say "results"
table
if [ $# -eq 0 ]; then
	put_into "$repository/README.md"
fi
if [ ${#broken[@]} -ne 0 ]; then
	echo "failed: ${broken[*]}"
	exit 1
fi
