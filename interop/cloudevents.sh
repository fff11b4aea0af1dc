#!/usr/bin/env bash
# Events of package event through CloudEvents' own SDK for Go, of the version in
# go.mod, and the other way round: JSON, batches, HTTP and Kafka records. It needs no
# node.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need go "Go, of the version in go.mod"
count_cases go_cases ./cloudevents
report cloudevents/sdk-go "$(go -C "$repository/interop" list -m -f '{{.Version}}' github.com/cloudevents/sdk-go/v2)"
finish
