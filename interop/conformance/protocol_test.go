package conformance

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func versions(t *testing.T) map[int16]kmsg.ApiVersionsResponseApiKey {
	t.Helper()
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "conformance", "1.0"
	resp := ask[*kmsg.ApiVersionsResponse](t, peer.addresses[0], req, 3)
	wantCode(t, "ApiVersions", resp.ErrorCode, nil)
	all := map[int16]kmsg.ApiVersionsResponseApiKey{}
	for _, k := range resp.ApiKeys {
		all[k.ApiKey] = k
	}
	return all
}

// Clients choose by these what they send.
func TestRequestsOfClientsAreListedInKafkasVersions(t *testing.T) {
	got := versions(t)
	for key, want := range map[kmsg.Key][2]int16{
		kmsg.Produce: {0, 13}, kmsg.Fetch: {4, 18}, kmsg.ListOffsets: {1, 11}, kmsg.Metadata: {0, 13},
		kmsg.OffsetCommit: {2, 10}, kmsg.OffsetFetch: {1, 10}, kmsg.FindCoordinator: {0, 6}, kmsg.JoinGroup: {0, 9},
		kmsg.Heartbeat: {0, 4}, kmsg.LeaveGroup: {0, 5}, kmsg.SyncGroup: {0, 5}, kmsg.DescribeGroups: {0, 6}, kmsg.ListGroups: {0, 5},
		kmsg.SASLHandshake: {0, 1}, kmsg.ApiVersions: {0, 5}, kmsg.CreateTopics: {2, 7}, kmsg.DeleteTopics: {1, 6}, kmsg.DeleteRecords: {0, 2},
		kmsg.InitProducerID: {0, 5}, kmsg.OffsetForLeaderEpoch: {2, 4}, kmsg.AddOffsetsToTxn: {0, 4}, kmsg.EndTxn: {0, 5}, kmsg.TxnOffsetCommit: {0, 5},
		kmsg.DescribeACLs: {1, 3}, kmsg.CreateACLs: {1, 3}, kmsg.DeleteACLs: {1, 3}, kmsg.DescribeConfigs: {1, 4}, kmsg.AlterConfigs: {0, 2},
		kmsg.DescribeLogDirs: {1, 5}, kmsg.SASLAuthenticate: {0, 2}, kmsg.CreatePartitions: {0, 3}, kmsg.DeleteGroups: {0, 2}, kmsg.ElectLeaders: {0, 2},
		kmsg.IncrementalAlterConfigs: {0, 1}, kmsg.ListPartitionReassignments: {0, 0}, kmsg.OffsetDelete: {0, 0},
		kmsg.DescribeClientQuotas: {0, 1}, kmsg.AlterClientQuotas: {0, 1}, kmsg.DescribeUserSCRAMCredentials: {0, 0}, kmsg.AlterUserSCRAMCredentials: {0, 0},
		kmsg.DescribeQuorum: {0, 2}, kmsg.UpdateFeatures: {0, 2}, kmsg.DescribeCluster: {0, 2}, kmsg.DescribeProducers: {0, 0},
		kmsg.DescribeTransactions: {0, 0}, kmsg.ListTransactions: {0, 2}, kmsg.ConsumerGroupHeartbeat: {0, 1}, kmsg.ConsumerGroupDescribe: {0, 1},
		kmsg.DescribeTopicPartitions: {0, 0},
	} {
		k, listed := got[key.Int16()]
		if !listed || k.MinVersion != want[0] || k.MaxVersion < want[1] {
			t.Errorf("%s: %d to %d (listed: %v), want %d to %d", key.Name(), k.MinVersion, k.MaxVersion, listed, want[0], want[1])
		}
	}
}

func TestFeaturesThatClientsLookForAreFinalized(t *testing.T) {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "conformance", "1.0"
	resp := ask[*kmsg.ApiVersionsResponse](t, peer.addresses[0], req, 4)
	levels := map[string]int16{}
	for _, f := range resp.FinalizedFeatures {
		levels[f.Name] = f.MaxVersionLevel
	}
	for feature, least := range map[string]int16{"transaction.version": 2, "group.version": 1} {
		if levels[feature] < least {
			t.Errorf("%s is at level %d, want %d", feature, levels[feature], least)
		}
	}
}

// KIP-511: what the peer does not know it answers in version 0, with the
// versions that it does.
func TestAnUnknownVersionOfApiVersionsIsAnswered(t *testing.T) {
	c := dial(t, peer.addresses[0])
	message := kmsg.NewRequestFormatter().AppendRequest(nil, newApiVersions(), 1)
	binary.BigEndian.PutUint16(message[6:], 99)
	if _, err := c.conn.Write(message); err != nil {
		t.Fatal(err)
	}
	body, err := c.frame()
	if err != nil {
		t.Fatal(err)
	}
	resp := kmsg.NewPtrApiVersionsResponse()
	if err := resp.ReadFrom(body[4:]); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "version 99", resp.ErrorCode, kerr.UnsupportedVersion)
	if len(resp.ApiKeys) != 1 || resp.ApiKeys[0].ApiKey != kmsg.ApiVersions.Int16() {
		t.Errorf("%+v", resp.ApiKeys)
	}
}

func newApiVersions() *kmsg.ApiVersionsRequest {
	req := kmsg.NewPtrApiVersionsRequest()
	req.Version, req.ClientSoftwareName, req.ClientSoftwareVersion = 3, "conformance", "1.0"
	return req
}

func TestAClientsNameMustBeOne(t *testing.T) {
	for name, want := range map[string]*kerr.Error{"conformance": nil, "a.b-c": nil, "": kerr.InvalidRequest, "-a": kerr.InvalidRequest, "a b": kerr.InvalidRequest, "a_b": kerr.InvalidRequest} {
		req := newApiVersions()
		req.ClientSoftwareName = name
		wantCode(t, fmt.Sprintf("name %q", name), ask[*kmsg.ApiVersionsResponse](t, peer.addresses[0], req, 3).ErrorCode, want)
	}
}

// What cannot be read ends its connection and no other.
func TestNonsenseEndsItsConnectionOnly(t *testing.T) {
	bystander := dial(t, peer.addresses[0])
	bystander.do(newApiVersions(), 3)
	for what, message := range map[string][]byte{
		"a request of a kind that there is not":    header(999, 0),
		"a request of a version that there is not": header(kmsg.Metadata.Int16(), 99),
		"a body that is cut short":                 header(kmsg.Metadata.Int16(), 9)[:14],
		"an array longer than its request":         append(header(kmsg.DeleteTopics.Int16(), 1), 0x7f, 0xff, 0xff, 0xff),
	} {
		c := dial(t, peer.addresses[0])
		framed := append(kbin.AppendInt32(nil, int32(len(message))), message...)
		if _, err := c.conn.Write(framed); err != nil {
			t.Fatal(err)
		}
		if body, err := c.frame(); err == nil {
			t.Errorf("%s is answered with %x", what, body)
		}
	}
	c := dial(t, peer.addresses[0])
	if _, err := c.conn.Write(append([]byte{0x7f, 0xff, 0xff, 0xff}, header(kmsg.Metadata.Int16(), 9)...)); err != nil {
		t.Fatal(err)
	}
	if body, err := c.frame(); err == nil {
		t.Errorf("a request of 2 GiB is answered with %x", body)
	}
	wantCode(t, "the bystander", bystander.do(newApiVersions(), 3).(*kmsg.ApiVersionsResponse).ErrorCode, nil)
}

// header is that of a request, without its body.
func header(key, version int16) []byte {
	b := kbin.AppendInt16(kbin.AppendInt16(nil, key), version)
	return append(kbin.AppendInt32(b, 1), 0xff, 0xff) // no client id
}

// KIP-985 aside, a topic that a client asks for may be made.
func TestATopicIsMadeWhenItIsAskedFor(t *testing.T) {
	topic := name(t, "auto")
	for _, allow := range []bool{false, true} {
		req := kmsg.NewPtrMetadataRequest()
		req.Topics, req.AllowAutoTopicCreation = []kmsg.MetadataRequestTopic{{Topic: &topic}}, allow
		if !allow {
			wantCode(t, "not allowed", ask[*kmsg.MetadataResponse](t, peer.addresses[0], req, 9).Topics[0].ErrorCode, kerr.UnknownTopicOrPartition)
			continue
		}
		eventually(t, func() error {
			return code(ask[*kmsg.MetadataResponse](t, peer.addresses[0], req, 9).Topics[0].ErrorCode)
		})
	}
	if _, err := newAdmin(t).DeleteTopics(within(t), topic); err != nil {
		t.Error(err)
	}
}
