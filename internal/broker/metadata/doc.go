// Package metadata is the broker's truth about topics: which exist, with which
// id, how many partitions and which properties; and the properties of groups,
// the users, client quotas, the cluster id and the producer ids handed out.
//
// The truth is kept in a partition of the log itself, [PartitionTopic]-0,
// compacted and hidden from clients. Reads come from an immutable [Snapshot]
// behind an atomic pointer and take no lock. A change is published, and its
// method returns, once it is durable.
//
// # Records
//
// docs/format/cluster-metadata.md describes them field by field.
//
// Keys are topic names, or begin with a slash, which no topic name contains.
// Values are JSON with "v", the version of the record's format, now 1; a null
// value deletes. Another version stops the node: an older program must not guess.
//
//	key             value
//	<topic name>    {"v":1,"id":"<22 characters, base64url>","partitions":3,"configs":{"retention.ms":"1000"}}
//	/cluster        {"v":1,"id":"<22 characters, base64url>"}
//	/group/<name>   {"v":1,"configs":{"share.isolation.level":"read_committed"}}
//	/producer-ids   {"v":1,"next":2000}   ids from 2000 on have never been handed out
//	/authentication {"v":1,"secret":"<base64>"}
//	/user/<name>    {"v":1,"scram":{"SCRAM-SHA-256":{"iterations":16384,"salt":"…","stored_key":"…","server_key":"…"}}}
//	/quota/<entity> {"v":1,"limits":{"producer_byte_rate":1048576}}   the entity as in {"user":"alice","client-id":null}
//
// # Crashes
//
// A topic's folders are made before its record is written and removed after
// its tombstone is. A crash in between leaves folders that no record names;
// the log removes those when it starts ([log.Log.Start]).
package metadata
