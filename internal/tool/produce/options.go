package produce

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/nearest"
	"github.com/evidentlog/evident/internal/tool"
)

// defaultMaxBatch is Kafka's default of max.message.bytes.
const defaultMaxBatch = 1048588

// leastBatch is the least that the client can be told.
const leastBatch = 512

// largestBatch is what the client can send at most in one request, with room
// for the request around it.
const largestBatch = 100<<20 - 1<<16

// options checks the flags and makes a client's options of them.
func (p Produce) options() ([]kgo.Opt, error) {
	if p.Format != "lines" && p.Format != "json" {
		return nil, tool.Usagef("--format %q is none%s", p.Format, nearest.Hint(p.Format, []string{"lines", "json"}, ": write lines or json"))
	}
	if p.Format == "json" && p.KeyDelimiter != "" {
		return nil, tool.Usagef(`--key-delimiter is for lines: as JSON, a record's key is its field "key"`)
	}
	if p.Repeat && p.Count == 0 {
		return nil, tool.Usagef("--repeat would never end: say how many records with --count")
	}
	if p.Count < 0 || p.Rate < 0 || p.Partition < -1 {
		return nil, tool.Usagef("--count, --rate and --partition cannot be negative")
	}
	if _, err := p.headers(); err != nil {
		return nil, err
	}
	codec, err := compression(p.Compression)
	if err != nil {
		return nil, err
	}
	options, err := acks(p.Acks)
	if err != nil {
		return nil, err
	}
	options = append(options, kgo.ProducerBatchCompression(codec))
	if p.Partition >= 0 {
		options = append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	if p.CreateTopic {
		options = append(options, kgo.AllowAutoTopicCreation())
	}
	return options, nil
}

func compression(name string) (kgo.CompressionCodec, error) {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	codec, ok := codecs[name]
	if !ok {
		return codec, tool.Usagef("--compression %q is none%s", name,
			nearest.Hint(name, slices.Sorted(maps.Keys(codecs)), ": write none, gzip, snappy, lz4 or zstd"))
	}
	return codec, nil
}

// acks are the options for a number of acknowledgements. Without all of them a
// producer cannot be idempotent.
func acks(name string) ([]kgo.Opt, error) {
	switch name {
	case "all", "-1":
		return []kgo.Opt{kgo.RequiredAcks(kgo.AllISRAcks())}, nil
	case "1", "leader":
		return []kgo.Opt{kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()}, nil
	case "0", "none":
		return []kgo.Opt{kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite()}, nil
	}
	return nil, tool.Usagef("--acks %q is none: write all (on disk), 1 (written) or 0 (not waited for)", name)
}

// headers reads pairs as kcat (key=value) and rpk (key:value) write them.
func (p Produce) headers() ([]kgo.RecordHeader, error) {
	var all []kgo.RecordHeader
	for _, text := range p.Headers {
		i := strings.IndexAny(text, "=:")
		if i <= 0 {
			return nil, tool.Usagef("--header %q is none: write key=value", text)
		}
		all = append(all, kgo.RecordHeader{Key: text[:i], Value: []byte(text[i+1:])})
	}
	return all, nil
}

// batchLimit is the topic's max.message.bytes, as far as the client can go, or Kafka's
// default where the node does not tell.
func batchLimit(ctx context.Context, adm *kadm.Client, topic string) int32 {
	configs, err := adm.DescribeTopicConfigs(ctx, topic)
	if err != nil || len(configs) != 1 {
		return defaultMaxBatch
	}
	for _, c := range configs[0].Configs {
		if n, err := strconv.Atoi(c.MaybeValue()); c.Key == "max.message.bytes" && err == nil {
			return int32(max(leastBatch, min(n, largestBatch)))
		}
	}
	return defaultMaxBatch
}
