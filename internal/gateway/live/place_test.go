package live

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoRestsLosesItsPlaceToWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ps := newPlaces()
		var held []*place
		for range ownReaders {
			p, err := ps.get(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, p)
		}
		large := &Frame{Line: make([]byte, taken)}
		ps.fill(held[0], []*Frame{large, large})
		quiet := time.After(10 * rested)
		p, err := ps.get(t.Context(), quiet)
		if p == nil || err != nil {
			t.Fatalf("nobody made room: %v", err)
		}
		if frames, whole := ps.take(held[0]); len(frames) > 0 || whole {
			t.Errorf("who lost its place has %d frames, all: %v", len(frames), whole)
		}
		ps.leave(held[0]) // changes nothing
		if p, err := ps.get(t.Context(), time.After(10*rested)); p != nil || err != nil {
			t.Errorf("%v, %v: who is fetching made room", p, err)
		}
		ps.leave(p)
		if len(ps.free) != ownReaders-1 || len(ps.mu.held) != ownReaders-1 {
			t.Errorf("%d places are taken, and %d held, want %d", len(ps.free), len(ps.mu.held), ownReaders-1)
		}
	})
}

func TestWhatWasFetchedIsTakenByPortions(t *testing.T) {
	ps := newPlaces()
	p, err := ps.get(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	half := &Frame{Line: make([]byte, taken/2)}
	ps.fill(p, []*Frame{half, half, half})
	if frames, whole := ps.take(p); len(frames) != 2 || whole {
		t.Errorf("%d frames, all: %v, want 2 of 3", len(frames), whole)
	}
	if frames, whole := ps.take(p); len(frames) != 1 || !whole {
		t.Errorf("%d frames, all: %v, want the last", len(frames), whole)
	}
}
