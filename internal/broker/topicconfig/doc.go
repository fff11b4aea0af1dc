// Package topicconfig knows the topic properties of Apache Kafka: their types,
// defaults, documentation and limits, and what each means for the log.
//
// It keeps no state: which topic has which properties is the broker's
// metadata. Properties that steer replication or tiered storage are accepted,
// so that scripts written for a cluster run unchanged, and their documentation
// says that they have no effect here; one that would promise something that is
// not there (remote.storage.enable=true) is refused. Other names
// that begin with "evident." belong to other parts of the product and are kept as
// they are.
package topicconfig
