package resource

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What makes a service end is told to who runs it.
func TestRunSaysWhyItEnds(t *testing.T) {
	w, out := newWorld(t), newOutside()
	s, _ := w.node(out)
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1)}}) // there is a topic

	var clients atomic.Int32
	broken := errors.New("no more clients")
	other := New(Config{
		Client: func(opts ...kgo.Opt) (*kgo.Client, error) {
			if clients.Add(1) > 1 {
				return nil, broken
			}
			return w.client(opts...)
		},
		Kinds: things(t), Source: "/test", ReadOnly: true, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := other.Run(ctx); !errors.Is(err, broken) {
		t.Errorf("it ended with %v, not with %v", err, broken)
	}
}

// A writer that has committed and cannot read it does not know what stands: nobody is
// granted anything before that was read.
func TestNobodyPlansOnAStateWithoutWhatWasCommitted(t *testing.T) {
	w, out := newWorld(t), newOutside()
	s, _ := w.node(out)
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1)}})
	old := Request{Wish: Wish{Apply: []*Resource{thing(t, "a", 3)}}, Match: map[Key]int64{{"Thing", "a"}: s.State().Get(Key{"Thing", "a"}).Revision}}

	var mute atomic.Bool
	mute.Store(true)
	w.cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		return nil, errors.New("nothing is read"), mute.Load()
	})
	s.patience = time.Second
	_, err := s.Do(t.Context(), Request{Wish: Wish{Apply: []*Resource{thing(t, "a", 2)}}})
	for err != nil && !strings.Contains(err.Error(), "has not been read yet") { // it was too slow even to commit
		mute.Store(false)
		granted(t, s, Wish{Apply: []*Resource{thing(t, "b", 1)}})
		mute.Store(true)
		s.patience *= 2
		_, err = s.Do(t.Context(), Request{Wish: Wish{Apply: []*Resource{thing(t, "a", 2)}}})
	}
	if err == nil {
		t.Fatal("granted, and nobody has read it")
	}
	if _, err := s.Do(t.Context(), old); !errors.Is(err, ErrNotWriter) {
		t.Errorf("the next request met %v", err)
	}
	mute.Store(false)
	var conflict *ConflictError
	if _, err := do(t, s, old); !errors.As(err, &conflict) {
		t.Errorf("a request for the revision before met %v", err)
	}
	if v := s.State().Get(Key{"Thing", "a"}); string(v.Resource.Spec) != `{"parts":[],"size":2}` {
		t.Errorf("declared is %s", v.Resource.Spec)
	}
}
