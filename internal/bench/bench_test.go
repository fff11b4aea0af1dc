package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// fakeBroker starts a broker in memory and gives it as a target.
func fakeBroker(t *testing.T) Target {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return Target{Client: []kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...)}}
}

func topics(t *testing.T, target Target) []string {
	t.Helper()
	adm, err := kadm.NewOptClient(target.Client...)
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	there, err := adm.ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return there.Names()
}

func TestProduceCountsWhatTheTopicHolds(t *testing.T) {
	target := fakeBroker(t)
	res, err := Produce(t.Context(), ProduceConfig{
		Target: target, Topic: "kept", Partitions: 3, Records: 10 * chunkLen, Rounds: 2, Warmup: -1, Clients: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	there, err := countRecords(t.Context(), target.Client, "kept")
	if err != nil {
		t.Fatal(err)
	}
	var counted int64
	for _, r := range res.Rounds {
		counted += r.Broker.Records
		if r.Broker.Ack.Count != r.Broker.Records/chunkLen || r.Broker.RecordsPerBatch < 1 || r.Broker.BytesPerRecord < 100 {
			t.Errorf("implausible pass: %+v", r.Broker)
		}
	}
	if counted != there || there != 20*chunkLen {
		t.Errorf("counted %d records, the topic holds %d, asked for %d", counted, there, 20*chunkLen)
	}
	if !slices.Contains(topics(t, target), "kept") {
		t.Error("a topic that was named is gone")
	}
}

func TestPayloadDoesNotCompress(t *testing.T) {
	for _, codec := range []string{"gzip", "snappy", "lz4", "zstd"} {
		res, err := Produce(t.Context(), ProduceConfig{
			Target: fakeBroker(t), Partitions: 1, Records: 16 * chunkLen, Rounds: 1, Warmup: -1,
			Acks: "1", Compression: codec,
		})
		if err != nil {
			t.Fatal(err)
		}
		if stored := res.Median.Broker.BytesPerRecord; stored < 100 {
			t.Errorf("%s stores a 100-byte record in %.1f bytes", codec, stored)
		}
	}
}

func TestProduceWithReferencesGivesARatio(t *testing.T) {
	target := fakeBroker(t)
	dir := t.TempDir()
	var phases []string
	target.Progress = func(p Progress) { phases = append(phases, p.Phase) }
	res, err := Produce(t.Context(), ProduceConfig{
		Target: target, Duration: 100 * time.Millisecond, Warmup: 20 * time.Millisecond, Rounds: 2,
		Reference: true, DiskDir: dir, DiskDuration: 20 * time.Millisecond, DiscardCommand: discardCommand(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range append(res.Rounds, res.Median) {
		if r.Ratio <= 0 || r.Reachable <= 0 || r.Discard.Records == 0 || r.Disk.MBPerSecond <= 0 {
			t.Errorf("incomplete round: %+v", r)
		}
	}
	if !slices.Contains(phases, "broker") || !slices.Contains(phases, "discard") {
		t.Errorf("progress told of phases %q", phases)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("disk reference left %v behind (%v)", left, err)
	}
	if left := topics(t, target); len(left) != 0 {
		t.Errorf("run left topics %q behind", left)
	}
	checkReport(t, res, res.WriteText, "ratio")
}

func TestConsumeSeesEveryRecordOfItsOwnTopic(t *testing.T) {
	target := fakeBroker(t)
	res, err := Consume(t.Context(), ConsumeConfig{Target: target, Records: 20 * chunkLen, Partitions: 4, Rounds: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Rounds {
		if p.Records != 20*chunkLen || p.Bytes != p.Records*100 {
			t.Errorf("consumed %d records of %d bytes", p.Records, p.Bytes)
		}
	}
	if left := topics(t, target); len(left) != 0 {
		t.Errorf("run left topics %q behind", left)
	}
	checkReport(t, res, res.WriteText, "records/s")
}

func TestConsumeRefusesATopicWithTooFewRecords(t *testing.T) {
	target := fakeBroker(t)
	if _, err := Produce(t.Context(), ProduceConfig{
		Target: target, Topic: "few", Partitions: 1, Records: chunkLen, Rounds: 1, Warmup: -1,
	}); err != nil {
		t.Fatal(err)
	}
	_, err := Consume(t.Context(), ConsumeConfig{Target: target, Topic: "few", Records: chunkLen + 1})
	if !errors.Is(err, ErrConfig) {
		t.Errorf("got %v", err)
	}
}

func TestConsumeMakesNoTopicOfAMistypedName(t *testing.T) {
	target := fakeBroker(t)
	if _, err := Consume(t.Context(), ConsumeConfig{Target: target, Topic: "mistyped"}); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v", err)
	}
	if made := topics(t, target); len(made) != 0 {
		t.Errorf("there are topics %q", made)
	}
}

func TestLatencySeesEveryRecordComeBack(t *testing.T) {
	target := fakeBroker(t)
	res, err := MeasureLatency(t.Context(), LatencyConfig{
		Target: target, Partitions: 3, Rate: 1000, Duration: 300 * time.Millisecond, Warmup: 50 * time.Millisecond,
		Rounds: 2, DiskDir: t.TempDir(), DiskDuration: 20 * time.Millisecond, Reference: true, DiscardCommand: discardCommand(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res.Rounds {
		if r.EndToEnd.Count != 300 || r.Ack.Count != 300 {
			t.Errorf("sent 300 records; %d came back, %d were acknowledged", r.EndToEnd.Count, r.Ack.Count)
		}
		if r.Discard == nil || r.Discard.Count != 300 {
			t.Errorf("sent 300 records to the discarding server: %+v", r.Discard)
		}
		if r.EndToEnd.P50 <= 0 || r.Fsync.P50 <= 0 || r.OverFsync == nil {
			t.Errorf("incomplete round: %+v", r)
		}
	}
	if left := topics(t, target); len(left) != 0 {
		t.Errorf("run left topics %q behind", left)
	}
	checkReport(t, res, res.WriteText, "end-to-end")
}

func TestPaceHoldsTheRate(t *testing.T) {
	var calls int
	start := time.Now()
	if err := Pace(t.Context(), 2000, 200, func() { calls++ }); err != nil {
		t.Fatal(err)
	}
	if elapsed := time.Since(start); calls != 200 || elapsed < 99*time.Millisecond {
		t.Errorf("%d calls in %v", calls, elapsed)
	}
}

func TestACancelledRunEndsAndRemovesItsTopic(t *testing.T) {
	target := fakeBroker(t)
	ctx, cancel := context.WithCancel(t.Context())
	target.Progress = func(p Progress) {
		if p.Records > 0 {
			cancel()
		}
	}
	_, err := Produce(ctx, ProduceConfig{Target: target, Duration: time.Hour, Warmup: -1})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left := topics(t, target); len(left) != 0 {
		t.Errorf("run left topics %q behind", left)
	}
}

func TestConfigurationsThatCannotRunAreRefused(t *testing.T) {
	for name, cfg := range map[string]ProduceConfig{
		"references without a disk": {Reference: true},
		"negative record size":      {RecordSize: -1},
		"unknown compression":       {Compression: "lzma"},
		"unknown acks":              {Acks: "2"},
	} {
		if _, err := Produce(t.Context(), cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := MeasureLatency(t.Context(), LatencyConfig{RecordSize: 4}); !errors.Is(err, ErrConfig) {
		t.Errorf("records without room for a time: got %v", err)
	}
}

// checkReport checks that a result can be written as JSON and as text.
func checkReport(t *testing.T, res any, text func(io.Writer) error, word string) {
	t.Helper()
	if _, err := json.Marshal(res); err != nil {
		t.Error(err)
	}
	var b bytes.Buffer
	if err := text(&b); err != nil || !strings.Contains(b.String(), word) {
		t.Errorf("text without %q (%v):\n%s", word, err, b.String())
	}
}

func TestTransactionsAreCommitted(t *testing.T) {
	target := fakeBroker(t)
	res, err := Transactions(t.Context(), TransactionsConfig{
		Target: target, Topic: "kept", Partitions: 3, Producers: 2, Records: 7, Rounds: 2, Warmup: -1, Duration: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	var counted int64
	for _, r := range res.Rounds {
		counted += r.Records
		if r.Records == 0 || r.Records%7 != 0 || r.Transaction.Count*7 != r.Records || r.EndTxn.Count != r.Transaction.Count || r.TransactionsPerSecond == 0 {
			t.Errorf("implausible round: %+v", r)
		}
	}
	cl, err := kgo.NewClient(append(target.Client, kgo.ConsumeTopics("kept"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for seen := int64(0); seen < counted; {
		fetches := cl.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d of %d records are committed: %v", seen, counted, err)
		}
		seen += int64(fetches.NumRecords())
	}
	var text bytes.Buffer
	if err := res.WriteText(&text); err != nil || !strings.Contains(text.String(), "median") {
		t.Errorf("%v: %s", err, &text)
	}
}

func TestTransactionsRefuseWhatCannotBe(t *testing.T) {
	if _, err := Transactions(t.Context(), TransactionsConfig{Producers: -1}); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v", err)
	}
}
