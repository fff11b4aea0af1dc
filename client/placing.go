package client

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A placing partitioner puts records where they say that they go ([placed]), and leaves
// all others to the partitioner that the client would have.
type placing struct{ base kgo.Partitioner }

type placingTopic struct{ kgo.TopicPartitioner }

type placingBackup struct {
	placingTopic
	base kgo.TopicBackupPartitioner
}

func (p placing) ForTopic(topic string) kgo.TopicPartitioner {
	base := p.base.ForTopic(topic)
	if backup, ok := base.(kgo.TopicBackupPartitioner); ok {
		return placingBackup{placingTopic{base}, backup}
	}
	return placingTopic{base}
}

func (p placingTopic) RequiresConsistency(r *kgo.Record) bool {
	_, there := placeOf(r.Context)
	return there || p.TopicPartitioner.RequiresConsistency(r)
}

func (p placingTopic) Partition(r *kgo.Record, n int) int {
	if at, there := placeOf(r.Context); there {
		return int(at)
	}
	return p.TopicPartitioner.Partition(r, n)
}

// OnNewBatch is for partitioners that stay with a partition for a batch.
func (p placingTopic) OnNewBatch() {
	if base, ok := p.TopicPartitioner.(kgo.TopicPartitionerOnNewBatch); ok {
		base.OnNewBatch()
	}
}

func (p placingBackup) PartitionByBackup(r *kgo.Record, n int, backup kgo.TopicBackupIter) int {
	if at, there := placeOf(r.Context); there {
		return int(at)
	}
	return p.base.PartitionByBackup(r, n, backup)
}

type placeKey struct{}

// placed has a record go to a partition.
func placed(ctx context.Context, partition int32) context.Context {
	return context.WithValue(ctx, placeKey{}, partition)
}

// placeOf is where a record goes; false if it does not say.
func placeOf(ctx context.Context) (int32, bool) {
	if ctx == nil {
		return 0, false
	}
	at, there := ctx.Value(placeKey{}).(int32)
	return at, there
}

// placer is the partitioner that a client's options say, with placing.
func placer(kafka *kgo.Client) kgo.Opt {
	base, ok := kafka.OptValue(kgo.RecordPartitioner).(kgo.Partitioner)
	if !ok {
		base = kgo.UniformBytesPartitioner(64<<10, true, true, nil)
	}
	return kgo.RecordPartitioner(placing{base})
}
