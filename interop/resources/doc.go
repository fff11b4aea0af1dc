// Package resources tests that several nodes on one cluster of Apache Kafka declare
// things at once, and are killed meanwhile: each request is done whole or not at all,
// none that was granted is lost, and none overwrites what it has not seen.
//
// interop/resources.sh starts all that is needed.
package resources
