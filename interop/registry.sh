#!/usr/bin/env bash
# Confluent's Python client, of the version in registry/requirements.txt, registers, writes
# and reads Avro, JSON Schema and Protobuf through evident's schema registry.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need python3 "Python 3.9 or later with venv, such as Debian's python3-venv"

wanted=$repository/interop/registry/requirements.txt
folder=$cache/registry-$(sha256sum "$wanted" | cut -c 1-12)
if [ ! -d "$folder" ]; then
	say "installing Python packages"
	rm -rf "$folder.partial"
	python3 -m venv "$folder.partial"
	"$folder.partial/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
	mv "$folder.partial" "$folder"
fi

build_evident
start_evident --listen-kafka 127.0.0.1:0 --listen-registry 127.0.0.1:0

say "confluent-kafka's schema registry client"
count_cases "$folder/bin/python" "$repository/interop/registry/with_confluent_kafka.py" "$kafka" "http://$(ready_address registry)"
report "confluent-kafka-python's registry client" "$("$folder/bin/python" -c 'import importlib.metadata as m; print(m.version("confluent-kafka"))')"

finish
