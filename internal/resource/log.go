package resource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// watchEvery is how often it is looked whether the topic is still the same.
const watchEvery = 2 * time.Second

// errOtherLog says that offsets do not mean what they meant before.
var errOtherLog = errors.New("the topic was cut back, or deleted and made again")

// A topicID tells topics of one name apart (KIP-516). All zero: the cluster gives none.
type topicID [16]byte

// differs tells whether two are known, and not the same.
func (id topicID) differs(other topicID) bool {
	return id != topicID{} && other != topicID{} && id != other
}

// A log is what the topic has when it is looked at: offsets mean something in one only.
type log struct {
	id         topicID
	start, end int64 // of what is committed
}

// findLog looks at the topic until that works, or ctx ends. The error is [errOtherLog]
// if there is no topic any more.
func (s *Service) findLog(ctx context.Context, client *kgo.Client) (log, error) {
	for {
		l, err := lookAt(ctx, client)
		switch {
		case err == nil:
			return l, nil
		case ctx.Err() != nil:
			return log{}, context.Cause(ctx)
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			return log{}, fmt.Errorf("%w: %w", errOtherLog, err)
		}
		s.cfg.Logger.Warn("what is declared cannot be read, and is tried again", "error", err)
		rest(ctx)
	}
}

func lookAt(ctx context.Context, client *kgo.Client) (log, error) {
	t, err := describe(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(t.ErrorCode)
	}
	if err != nil {
		return log{}, err
	}
	admin := kadm.NewClient(client)
	start, err := offset(admin.ListStartOffsets(ctx, Topic))
	if err != nil {
		return log{}, fmt.Errorf("where %s begins: %w", Topic, err)
	}
	end, err := offset(admin.ListCommittedOffsets(ctx, Topic))
	if err != nil {
		return log{}, fmt.Errorf("where %s ends: %w", Topic, err)
	}
	return log{t.TopicID, start, end}, nil
}

func offset(listed kadm.ListedOffsets, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	o, ok := listed.Lookup(Topic, 0)
	if !ok {
		return 0, errors.New("the cluster does not say")
	}
	return o.Offset, o.Err
}

// watch looks now and then whether the topic is another one, until ctx ends: a cluster
// whose fetches go by names says nothing of it.
func (s *Service) watch(ctx context.Context, client *kgo.Client, l log) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		t, err := describe(ctx, client)
		if err == nil && t.ErrorCode == 0 && l.id.differs(t.TopicID) {
			return fmt.Errorf("%w: its id was %x, and is %x", errOtherLog, l.id, t.TopicID)
		}
	}
}
