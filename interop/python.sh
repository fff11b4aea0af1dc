#!/usr/bin/env bash
# confluent-kafka (librdkafka) and kafka-python, of the versions in
# python/requirements.txt, against evident.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need python3 "Python 3.9 or later with venv, such as Debian's python3-venv"

wanted=$repository/interop/python/requirements.txt
folder=$cache/python-$(sha256sum "$wanted" | cut -c 1-12)
if [ ! -d "$folder" ]; then
	say "installing Python packages"
	rm -rf "$folder.partial"
	python3 -m venv "$folder.partial"
	"$folder.partial/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
	mv "$folder.partial" "$folder"
fi
python=$folder/bin/python

# version PACKAGE: as pinned.
version() {
	sed -n "s/^$1==//p" "$wanted"
}

build_evident
start_evident

say "confluent-kafka"
count_cases "$python" "$repository/interop/python/with_confluent_kafka.py" "$kafka"
librdkafka=$("$python" -c 'import confluent_kafka; print(confluent_kafka.libversion()[0])')
report "confluent-kafka-python" "$(version confluent-kafka) (librdkafka $librdkafka)"

say "kafka-python"
count_cases "$python" "$repository/interop/python/with_kafka_python.py" "$kafka"
report "kafka-python" "$(version kafka-python)"

finish
