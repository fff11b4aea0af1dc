// Package conformance holds any server that says it speaks the Kafka protocol
// to what Apache Kafka does. It knows an address and nothing else of its peer,
// so the same expectations hold for Kafka and for Evident:
//
//	EVIDENT_CONFORMANCE_BROKERS=127.0.0.1:9092 go -C interop test ./conformance
//
// There are two kinds of cases. Scripts (testdata/*.txt) are requests, each
// with the answer that Apache Kafka gave; the flag -record writes the answers
// of the peer into them, and the peer must then be Kafka. Go tests are about
// what takes several clients, or time.
//
// Where Evident differs from Kafka on purpose, the case says so with its reason
// and takes both answers (see differs, and lines beginning with "or <"), and
// docs/kafka-compatibility.md lists it.
//
// All names that a run makes carry a suffix of its own, so a peer may hold
// other data, and earlier runs. interop/conformance.sh runs the suite against
// both and prints a table.
package conformance
