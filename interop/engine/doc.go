// Package engine runs `evident --kafka` against Apache Kafka with all its ways in:
// what gets in, and what somebody is told who does not. It needs a cluster;
// interop/engine.sh starts one and runs it.
package engine
