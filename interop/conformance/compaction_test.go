package conformance

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// latest reads a topic of one partition from start to end: the last value of each
// key, and how many records there are.
func latest(t *testing.T, topic string) (values map[string]string, records int) {
	t.Helper()
	ends, err := newAdmin(t).ListEndOffsets(within(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	reader := newClient(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	values = map[string]string{}
	for next := int64(0); next < end.Offset; {
		fetches := reader.PollFetches(within(t))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset < next {
				t.Errorf("offset %d after %d", r.Offset, next-1)
			}
			next = r.Offset + 1
			records++
			values[string(r.Key)] = string(r.Value)
			if r.Value == nil {
				delete(values, string(r.Key))
			}
		})
	}
	return values, records
}

func TestCompactionKeepsTheLastOfEachKey(t *testing.T) {
	topic := newTopic(t, 1, "cleanup.policy", "compact", "segment.ms", "100", "min.cleanable.dirty.ratio", "0.01", "delete.retention.ms", "0")
	producer := newClient(t, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	want := map[string]string{}
	written := 0
	write := func(key string, value []byte) {
		if err := producer.ProduceSync(within(t), &kgo.Record{Key: []byte(key), Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		written++
		want[key] = string(value)
		if value == nil {
			delete(want, key)
		}
	}
	for round := range 5 {
		for key := range 10 {
			write(fmt.Sprint("key-", key), fmt.Appendf(nil, "%d %s", round, strings.Repeat("x", 100)))
		}
	}
	write("key-3", nil)
	eventually(t, func() error {
		write("roll", fmt.Append(nil, written)) // begins a new segment: the active one is not compacted
		values, records := latest(t, topic)
		if !maps.Equal(values, want) {
			t.Fatalf("got %v\nwant %v", values, want)
		}
		if records > written/2 {
			return fmt.Errorf("%d of %d records are still there", records, written)
		}
		return nil
	})
}

// Each setting that a topic of Kafka has can be described here, and is of the
// same type.
func TestTopicsHaveKafkasSettings(t *testing.T) {
	topic := newTopic(t, 1)
	req := kmsg.NewPtrDescribeConfigsRequest()
	rr := kmsg.NewDescribeConfigsRequestResource()
	rr.ResourceType, rr.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	req.Resources = append(req.Resources, rr)
	found := map[string]kmsg.ConfigType{}
	for _, c := range ask[*kmsg.DescribeConfigsResponse](t, peer.addresses[0], req, 4).Resources[0].Configs {
		found[c.Name] = c.ConfigType
	}
	const whole, long, text, list, truth, real = kmsg.ConfigTypeInt, kmsg.ConfigTypeLong, kmsg.ConfigTypeString, kmsg.ConfigTypeList, kmsg.ConfigTypeBoolean, kmsg.ConfigTypeDouble
	for name, kind := range map[string]kmsg.ConfigType{
		"cleanup.policy": list, "compression.gzip.level": whole, "compression.lz4.level": whole, "compression.type": text,
		"compression.zstd.level": whole, "delete.retention.ms": long, "errors.deadletterqueue.group.enable": truth,
		"file.delete.delay.ms": long, "flush.messages": long, "flush.ms": long,
		"follower.replication.throttled.replicas": list, "index.interval.bytes": whole, "leader.replication.throttled.replicas": list,
		"local.retention.bytes": long, "local.retention.ms": long, "max.compaction.lag.ms": long, "max.decompressed.message.bytes": whole,
		"max.message.bytes": whole, "message.timestamp.after.max.ms": long, "message.timestamp.before.max.ms": long, "message.timestamp.type": text,
		"min.cleanable.dirty.ratio": real, "min.compaction.lag.ms": long, "min.insync.replicas": whole, "preallocate": truth,
		"remote.copy.lag.bytes": long, "remote.copy.lag.ms": long, "remote.log.copy.disable": truth, "remote.log.delete.on.disable": truth,
		"remote.storage.enable": truth, "retention.bytes": long, "retention.ms": long, "segment.bytes": whole, "segment.index.bytes": whole,
		"segment.jitter.ms": long, "segment.ms": long, "unclean.leader.election.enable": truth,
	} {
		if got, ok := found[name]; !ok || got != kind {
			t.Errorf("%s is %v (there: %v), want %v", name, got, ok, kind)
		}
	}
}

func TestSettingsMadeAtCreationAreThere(t *testing.T) {
	topic := newTopic(t, 1, "retention.ms", "12345", "max.message.bytes", "2000")
	configs, err := newAdmin(t).DescribeTopicConfigs(within(t), topic)
	if err != nil || configs[0].Err != nil {
		t.Fatal(err, configs)
	}
	for name, want := range map[string]string{"retention.ms": "12345", "max.message.bytes": "2000"} {
		i := indexOf(configs[0].Configs, name)
		if i < 0 || *configs[0].Configs[i].Value != want {
			t.Errorf("%s is not %s", name, want)
		}
	}
}

func indexOf(configs []kadm.Config, name string) int {
	for i, c := range configs {
		if c.Key == name {
			return i
		}
	}
	return -1
}
