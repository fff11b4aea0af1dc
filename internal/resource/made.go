package resource

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Up to where what is declared was made so is the offset that the group of the nodes
// has committed. A writer that dies between a commit and making it so leaves the rest
// to the next one, which could not tell it from drift otherwise.

// readMade reads up to where the writers before have come.
func (w *writer) readMade(ctx context.Context) error {
	all, err := kadm.NewClient(w.client).FetchOffsetsForTopics(ctx, Group, Topic)
	if err != nil {
		return err
	}
	w.from = -1
	if o, ok := all.Lookup(Topic, 0); ok && o.Err == nil {
		w.from = o.At
	}
	return nil
}

// noteMade remembers that all is made so that is declared, unless it is not. It does
// not wait: what is made twice does no harm.
func (w *writer) noteMade(ctx context.Context) {
	end := w.service.State().End
	if w.status.troubled() || end == w.from {
		return
	}
	w.from = end
	made := map[string]map[int32]kgo.EpochOffset{Topic: {0: {Epoch: -1, Offset: end}}}
	w.member.CommitOffsets(context.WithoutCancel(ctx), made, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		if err == nil {
			err = committed(resp)
		}
		if err != nil {
			w.service.cfg.Logger.Debug("what was made so is not noted, and may be made once more", "error", err)
		}
	})
}

func committed(resp *kmsg.OffsetCommitResponse) error {
	var errs []error
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			errs = append(errs, kerr.ErrorForCode(p.ErrorCode))
		}
	}
	return errors.Join(errs...)
}

// remake makes what was declared, and perhaps not made so before its writer ended.
// Data is not deleted by that.
func (w *writer) remake(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-w.turn:
	}
	defer func() { w.turn <- struct{}{} }()
	if w.from < 0 || w.from >= w.service.State().End {
		return nil
	}
	last := map[Key]*Version{}
	err := w.service.History(ctx, Key{}, func(v *Version) error {
		if v.Revision >= w.from {
			last[v.Key] = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	var changes []Change
	for _, v := range slices.SortedFunc(maps.Values(last), func(a, b *Version) int { return cmp.Compare(a.Revision, b.Revision) }) {
		c := Change{Action: Update, Key: v.Key, After: v.Resource}
		if v.Resource == nil {
			c.Action, c.Before = Delete, &Resource{Kind: v.Key.Kind, Metadata: Metadata{Name: v.Key.Name}}
		}
		changes = append(changes, c)
	}
	for _, f := range w.make(ctx, changes, Allowed{}) {
		if last[f.Key].Resource == nil {
			w.status.forget(f.Key) // it is declared no more, and stays: that was said
		}
	}
	return nil
}
