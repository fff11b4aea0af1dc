// Package interop holds tests of Evident against other people's programs: their
// clients, their test-suites, the operating system's SIGKILL. It is a module
// of its own so that nothing the product imports comes from here.
//
//	interop/franz-go.sh              franz-go's own client tests
//	interop/kcat.sh                  kcat (librdkafka), all compressions
//	go -C interop test ./crash       kill -9 under load, a hundred times
//	interop/kafka.sh start           Apache Kafka itself, one node or three, to compare with
//	interop/bench.sh                 the figures of docs/benchmarks.md
package interop
