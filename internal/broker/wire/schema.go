package wire

// schema is the layout of one request, over all versions; flexible is its
// first flexible version (KIP-482).
type schema struct {
	flexible int16
	fields   []field
}

const never = maxVersion

// schemas are the requests that the broker decodes, by API key.
var schemas = map[int16]schema{
	0:  produce,
	1:  fetch,
	2:  listOffsets,
	3:  metadata,
	8:  offsetCommit,
	9:  offsetFetch,
	10: findCoordinator,
	11: joinGroup,
	12: heartbeat,
	13: leaveGroup,
	14: syncGroup,
	15: describeGroups,
	16: listGroups,
	17: saslHandshake,
	18: apiVersions,
	19: createTopics,
	20: deleteTopics,
	21: deleteRecords,
	22: initProducerID,
	23: offsetForLeaderEpoch,
	24: addPartitionsToTxn,
	25: addOffsetsToTxn,
	26: endTxn,
	28: txnOffsetCommit,
	29: describeACLs,
	30: createACLs,
	31: deleteACLs,
	32: describeConfigs,
	33: alterConfigs,
	34: alterReplicaLogDirs,
	35: describeLogDirs,
	36: saslAuthenticate,
	37: createPartitions,
	42: deleteGroups,
	43: electLeaders,
	44: incrementalAlterConfigs,
	45: alterPartitionAssignments,
	46: listPartitionReassignments,
	47: offsetDelete,
	48: describeClientQuotas,
	49: alterClientQuotas,
	50: describeUserScramCredentials,
	51: alterUserScramCredentials,
	55: describeQuorum,
	57: updateFeatures,
	60: describeCluster,
	61: describeProducers,
	65: describeTransactions,
	66: listTransactions,
	68: consumerGroupHeartbeat,
	69: consumerGroupDescribe,
	75: describeTopicPartitions,
	76: shareGroupHeartbeat,
	77: shareGroupDescribe,
	78: shareFetch,
	79: shareAcknowledge,
	90: describeShareGroupOffsets,
	91: alterShareGroupOffsets,
	92: deleteShareGroupOffsets,
}

var produce = schema{9, []field{
	since(3, nullableString), // transactional id
	i16,                      // acks
	i32,                      // timeout
	structs(
		until(12, str), since(13, uuid),
		structs(i32, data),
	),
}}

var fetch = schema{12, []field{
	until(14, i32), // replica id
	i32, i32,       // max wait, min bytes
	since(3, i32),                // max bytes
	since(4, i8),                 // isolation level
	since(7, i32), since(7, i32), // session id, session epoch
	structs(
		until(12, str), since(13, uuid),
		structs(
			i32,
			since(9, i32), // current leader epoch
			i64,
			since(12, i32), // last fetched epoch
			since(5, i64),  // log start offset
			i32,
			tagged(0, uuid), tagged(1, i64),
		),
	),
	since(7, structs( // forgotten
		until(12, str), since(13, uuid),
		values(i32),
	)),
	since(11, str), // rack
	tagged(0, nullableString),
	structTag(1, i32, i64),
}}

var listOffsets = schema{6, []field{
	i32,
	since(2, i8), // isolation level
	structs(str, structs(
		i32,
		since(4, i32), // current leader epoch
		i64,
		until(0, i32), // max number of offsets
	)),
	since(10, i32), // timeout
}}

var metadata = schema{9, []field{
	structs(since(10, uuid), nullableString),
	since(4, boolean),       // allow auto topic creation
	between(8, 10, boolean), // include cluster authorized operations
	since(8, boolean),       // include topic authorized operations
}}

var offsetCommit = schema{8, []field{
	str,
	since(1, i32), since(1, str), // generation, member id
	since(7, nullableString), // instance id
	between(2, 4, i64),       // retention time
	structs(
		until(9, str), since(10, uuid),
		structs(
			i32, i64,
			between(1, 1, i64), // timestamp
			since(6, i32),      // leader epoch
			nullableString,
		),
	),
}}

var offsetFetch = schema{6, []field{
	until(7, str),
	until(7, structs(str, values(i32))),
	since(8, structs(
		str,
		since(9, nullableString), since(9, i32), // member id, member epoch
		structs(until(9, str), since(10, uuid), values(i32)),
	)),
	since(7, boolean), // require stable
}}

var findCoordinator = schema{3, []field{
	until(3, str),
	since(1, i8),
	since(4, values(str)),
}}

var joinGroup = schema{6, []field{
	str, i32,
	since(1, i32), // rebalance timeout
	str,
	since(5, nullableString), // instance id
	str,
	structs(str, data),
	since(8, nullableString), // reason
}}

var heartbeat = schema{4, []field{str, i32, str, since(3, nullableString)}}

var leaveGroup = schema{4, []field{
	str,
	until(2, str),
	since(3, structs(str, nullableString, since(5, nullableString))),
}}

var syncGroup = schema{4, []field{
	str, i32, str,
	since(3, nullableString),
	since(5, nullableString), since(5, nullableString), // protocol type and name
	structs(str, data),
}}

var describeGroups = schema{5, []field{values(str), since(3, boolean)}}

var listGroups = schema{3, []field{since(4, values(str)), since(5, values(str))}}

var apiVersions = schema{3, []field{
	since(3, str), since(3, str),
	since(5, nullableString), since(5, i32),
}}

var createTopics = schema{5, []field{
	structs(
		str, i32, i16,
		structs(i32, values(i32)),
		structs(str, nullableString),
	),
	i32,
	since(1, boolean),
}}

var deleteTopics = schema{4, []field{
	until(5, values(str)),
	since(6, structs(nullableString, uuid)),
	i32,
}}

var initProducerID = schema{2, []field{nullableString, i32, since(3, i64), since(3, i16)}}

var offsetForLeaderEpoch = schema{4, []field{
	since(3, i32),
	structs(str, structs(i32, since(2, i32), i32)),
}}

var describeConfigs = schema{4, []field{
	structs(i8, str, values(str)),
	since(1, boolean),
	since(3, boolean),
}}

var alterConfigs = schema{2, []field{
	structs(i8, str, structs(str, nullableString)),
	boolean,
}}

var createPartitions = schema{2, []field{
	structs(str, i32, structs(values(i32))),
	i32, boolean,
}}

var deleteGroups = schema{2, []field{values(str)}}

var incrementalAlterConfigs = schema{1, []field{
	structs(i8, str, structs(str, i8, nullableString)),
	boolean,
}}

var offsetDelete = schema{never, []field{str, structs(str, structs(i32))}}

var describeCluster = schema{0, []field{boolean, since(1, i8), since(2, boolean)}}

var addPartitionsToTxn = schema{3, []field{
	until(3, str), until(3, i64), until(3, i16), until(3, structs(str, values(i32))),
	since(4, structs(
		str, i64, i16, boolean,
		structs(str, values(i32)),
	)),
}}

var addOffsetsToTxn = schema{3, []field{str, i64, i16, str}}

var endTxn = schema{3, []field{str, i64, i16, boolean}}

var txnOffsetCommit = schema{3, []field{
	str, str, i64, i16,
	since(3, i32), since(3, str), since(3, nullableString), // generation, member id, instance id
	structs(
		until(5, str), since(6, uuid),
		structs(
			i32, i64,
			since(2, i32), // leader epoch
			nullableString,
		),
	),
}}

var describeProducers = schema{0, []field{structs(str, values(i32))}}

var describeTransactions = schema{0, []field{values(str)}}

var listTransactions = schema{0, []field{
	values(str), values(i64),
	since(1, i64),            // duration
	since(2, nullableString), // pattern
}}

var deleteRecords = schema{2, []field{
	structs(str, structs(i32, i64)),
	i32,
}}

var describeACLs = schema{2, []field{
	i8, nullableString,
	since(1, i8), // pattern type
	nullableString, nullableString, i8, i8,
}}

var createACLs = schema{2, []field{structs(
	i8, str,
	since(1, i8), // pattern type
	str, str, i8, i8,
)}}

var deleteACLs = schema{2, []field{structs(describeACLs.fields...)}}

var alterReplicaLogDirs = schema{2, []field{structs(str, structs(str, values(i32)))}}

var describeLogDirs = schema{2, []field{structs(str, values(i32))}}

var electLeaders = schema{2, []field{
	since(1, i8), // election type
	structs(str, values(i32)),
	i32,
}}

var alterPartitionAssignments = schema{0, []field{
	i32,
	since(1, boolean), // allow replication factor change
	structs(str, structs(i32, values(i32))),
}}

var listPartitionReassignments = schema{0, []field{i32, structs(str, values(i32))}}

var describeClientQuotas = schema{1, []field{structs(str, i8, nullableString), boolean}}

var alterClientQuotas = schema{1, []field{
	structs(
		structs(str, nullableString),
		structs(str, i64, boolean), // the value is a float64
	),
	boolean,
}}

var describeQuorum = schema{0, []field{structs(str, structs(i32))}}

var updateFeatures = schema{0, []field{
	i32,
	structs(
		str, i16,
		until(0, boolean), // allow downgrade
		since(1, i8),      // upgrade type
	),
	since(1, boolean), // validate only
}}

var describeTopicPartitions = schema{0, []field{structs(str), i32, optional(str, i32)}}

var saslHandshake = schema{never, []field{str}}

var saslAuthenticate = schema{2, []field{data}}

var describeUserScramCredentials = schema{0, []field{structs(str)}}

var alterUserScramCredentials = schema{0, []field{
	structs(str, i8),
	structs(str, i8, i32, data, data),
}}

var consumerGroupHeartbeat = schema{0, []field{
	str, str, i32, // group, member id, member epoch
	nullableString, nullableString, // instance id, rack
	i32,                      // rebalance timeout
	values(str),              // topic names
	since(1, nullableString), // topic expression
	nullableString,           // assignor
	structs(uuid, values(i32)),
}}

var consumerGroupDescribe = schema{0, []field{values(str), boolean}}

var shareGroupHeartbeat = schema{0, []field{
	str, str, i32, // group, member id, member epoch
	nullableString, // rack
	values(str),    // topic names
}}

var shareGroupDescribe = schema{0, []field{values(str), boolean}}

// acknowledgements are those of one partition.
var acknowledgements = structs(i64, i64, values(i8))

var shareFetch = schema{0, []field{
	nullableString, nullableString, i32, // group, member id, session epoch
	i32, i32, i32, // max wait, min bytes, max bytes
	since(1, i32), since(1, i32), // max records, batch size
	since(2, i8), since(2, boolean), // acquire mode, renewals
	structs(uuid, structs(
		i32,
		until(0, i32), // max bytes
		acknowledgements,
	)),
	structs(uuid, values(i32)), // forgotten
}}

var shareAcknowledge = schema{0, []field{
	nullableString, nullableString, i32, // group, member id, session epoch
	since(2, boolean), // renewals
	structs(uuid, structs(i32, acknowledgements)),
}}

var describeShareGroupOffsets = schema{0, []field{structs(str, structs(str, values(i32)))}}

var alterShareGroupOffsets = schema{0, []field{str, structs(str, structs(i32, i64))}}

var deleteShareGroupOffsets = schema{0, []field{str, structs(str)}}
