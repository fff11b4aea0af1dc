#!/usr/bin/env bash
# IBM's sarama and segmentio's kafka-go, of the versions in go.mod, against
# evident: the tests of interop/clients.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need go "Go, of the version in go.mod"
build_evident
start_evident
export EVIDENT_BROKERS=$kafka

# go_tests MODULE PACKAGE: each test without parts, and each part of one that has
# some, is a case.
go_tests() {
	say "$1"
	count_cases go_cases "$2"
	report "${1#github.com/}" "$(go -C "$repository/interop" list -m -f '{{.Version}}' "$1")"
}

go_tests github.com/IBM/sarama ./clients/sarama
go_tests github.com/segmentio/kafka-go ./clients/kafkago

finish
