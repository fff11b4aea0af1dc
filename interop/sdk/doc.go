// Package sdk runs package client against a Kafka cluster that
// EVIDENT_CONFORMANCE_BROKERS names (host:port,…), or else against a node of its own:
// handlers at least once and exactly once, requests and tables do the same on both.
// interop/sdk.sh starts Apache Kafka for it.
package sdk
