#!/usr/bin/env bash
# kafkajs, of the version in kafkajs/package.json, against evident.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need node "Node.js 18 or later"
need npm "Node.js' package manager"

wanted=$repository/interop/kafkajs/package.json
folder=$cache/kafkajs-$(sha256sum "$wanted" | cut -c 1-12)
if [ ! -d "$folder" ]; then
	say "installing npm packages"
	rm -rf "$folder.partial"
	mkdir -p "$folder.partial"
	cp "$wanted" "$folder.partial"
	npm install --prefix "$folder.partial" --no-audit --no-fund --ignore-scripts --loglevel=error
	mv "$folder.partial" "$folder"
fi

build_evident
start_evident

say "kafkajs"
count_cases node "$repository/interop/kafkajs/cases.mjs" "$kafka" "$folder"
report kafkajs "$(sed -nE 's/.*"kafkajs": "([0-9.]+)".*/\1/p' "$wanted")"

finish
