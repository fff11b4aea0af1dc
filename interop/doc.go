// Package interop holds tests of Evident against other people's programs: their
// clients, their test-suites, the operating system's SIGKILL. It is a module
// of its own so that nothing the product imports comes from here.
//
//	interop/all.sh                   the scripts of this block, and a table of the results
//	interop/franz-go.sh              franz-go's own client tests
//	interop/java.sh                  Kafka's tools, a first tutorial, a Kafka Streams application
//	interop/sasl.sh                  Kafka's tools, logged in, and users by kafka-configs
//	interop/librdkafka.sh            librdkafka's own test-suite
//	interop/python.sh                confluent-kafka (librdkafka), kafka-python
//	interop/kcat.sh                  kcat (librdkafka), all compressions, and logged in
//	interop/kafkajs.sh               kafkajs, all compressions
//	interop/go-clients.sh            sarama, kafka-go
//	interop/cloudevents.sh           CloudEvents' SDK for Go reads our events, and we its
//	interop/engine.sh                evident --kafka on Apache Kafka: TLS, each SASL mechanism, what it says
//	interop/processors.sh            processors on Apache Kafka: nodes and brokers killed, nodes paused, failover
//
//	go -C interop test ./crash       kill -9 under load, a hundred times
//	interop/conformance.sh           one suite for Evident and for Apache Kafka
//	interop/bank.sh                  a bank whose workers and node are killed, and zombies, here and on Apache Kafka
//	interop/kafka.sh start           Apache Kafka itself, one node or three, to compare with
//	interop/bench.sh                 the figures of docs/benchmarks.md
package interop
