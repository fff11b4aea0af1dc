package follow

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// adopt follows the trees that were open when the ledger was, and whose
// partitions are not there: as of any partition that is missed, their topics may
// have been deleted, or turned off, while nobody followed them. It does so once,
// and whenever the ledger had stopped; always if other nodes follow too: what one
// of them was about to close, when it died or was overtaken, is closed by whoever
// sees it. That several may try does no harm: a tree is closed once.
func (f *Follower) adopt(there map[key]bool, others map[topicID]bool) error {
	stops := f.cfg.Ledger.Stops() // it forgets then which trees were to be closed
	if f.adopted && f.stops == stops {
		return nil
	}
	for _, t := range f.cfg.Ledger.OpenTrees() {
		b, err := base64.RawURLEncoding.DecodeString(t.TopicID)
		if err != nil || len(b) != len(topicID{}) {
			continue // nothing that a cluster has
		}
		k := key{ID: topicID(b), Number: t.Partition}
		f.mu.Lock()
		followed := f.mu.followed[k] != nil
		f.mu.Unlock()
		if there[k] || followed || others[k.ID] && !f.mine(t.Topic, t.Partition) {
			continue
		}
		if err := f.open(t.Topic, k, -1, nil); err != nil {
			return err
		}
	}
	f.adopted, f.stops = f.cfg.Assigned == nil, stops
	return nil
}

// mine tells whether a partition is to be followed by this node: its topic may be
// left out here and not elsewhere.
func (f *Follower) mine(topic string, partition int32) bool {
	return f.cfg.Assigned == nil || f.cfg.Assigned(topic, partition)
}

// confirm asks by name for topics that were missed so often that their trees are
// to be closed: a topic that may not be seen is left out of the list of all, and
// is not gone.
func (f *Follower) confirm(ctx context.Context, there map[key]bool) error {
	missed := map[string]bool{}
	f.mu.Lock()
	for k, p := range f.mu.followed {
		if !there[k] && p.missed+1 >= missesToEnd {
			missed[p.topic] = true
		}
	}
	f.mu.Unlock()
	if len(missed) == 0 {
		return nil
	}
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	for _, name := range slices.Sorted(maps.Keys(missed)) {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, f.cfg.Client)
	if err != nil {
		return fmt.Errorf("metadata of topics that are missed: %w", err)
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		err := kerr.ErrorForCode(t.ErrorCode)
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			continue
		}
		if err == nil {
			t.Topic = nil // which another topic may have by now
		}
		f.keep(t, there)
	}
	return nil
}
