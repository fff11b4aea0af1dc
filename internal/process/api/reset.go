package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/process/standby"
	"github.com/evidentlog/evident/internal/process/txn"
)

// reset has a version go on elsewhere: it stops, its positions are set, its state is
// kept or discarded, and it goes on, unless it was paused before.
func (a *API) reset(w http.ResponseWriter, r *http.Request, name string, o Order) {
	s := a.Control.Spec(name)
	if o.Version == 0 {
		o.Version = s.Active
	}
	v, err := find(&s, o.Version)
	if err != nil {
		problem.Write(w, http.StatusConflict, err)
		return
	}
	code, _ := a.Control.Code(name, o.Version)
	to, err := a.place(r.Context(), code, o)
	if err != nil {
		status := http.StatusServiceUnavailable
		if errors.Is(err, errOrder) {
			status = http.StatusBadRequest
		}
		problem.Write(w, status, err)
		return
	}
	running := !v.Paused // else it stays so, as all do while the processor is
	if !a.Declare(w, r, name, pausing(true, o.Version)) {
		return
	}
	if _, err := a.stopped(r.Context(), name, o.Version); err != nil {
		if !running || a.Declare(w, ending(r), name, pausing(false, o.Version)) {
			problem.Write(w, http.StatusServiceUnavailable, fmt.Errorf("%w: %w", errOrder, err))
		}
		return
	}
	r = ending(r)
	if err := a.move(r.Context(), code, o, to); err != nil {
		problem.Write(w, http.StatusInternalServerError, fmt.Errorf("the reset may be half done, and version %d stays paused: ask for it again, and then resume the version: %w", o.Version, err))
		return
	}
	if running && !a.Declare(w, r, name, pausing(false, o.Version)) {
		return
	}
	a.answer(w, r, name)
}

// place finds the offsets that an order means, or says what is wrong with it.
func (a *API) place(ctx context.Context, p process.Processor, o Order) (kadm.Offsets, error) {
	stateful := len(p.Stores) > 0 || p.Timers
	switch {
	case o.State != "" && o.State != "keep" && o.State != "discard":
		return nil, fmt.Errorf("%w: state is %q, and must be keep or discard", errOrder, o.State)
	case stateful && o.State == "":
		return nil, fmt.Errorf("%w: %q has state, in which what it reads again is already: say what becomes of it, state keep or discard", errOrder, p.Name)
	case o.To == "":
		return nil, fmt.Errorf("%w: say where to, such as start, latest, a time like 2026-01-31T12:00:00Z, or an offset", errOrder)
	}
	admin := kadm.NewClient(a.Client)
	starts, err := admin.ListStartOffsets(ctx, p.Inputs...)
	if err != nil {
		return nil, err
	}
	ends, err := admin.ListCommittedOffsets(ctx, p.Inputs...)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(starts.Error(), ends.Error()); err != nil {
		return nil, err
	}
	switch o.To {
	case "start":
		return starts.Offsets(), nil
	case "latest":
		return ends.Offsets(), nil
	}
	if offset, err := strconv.ParseInt(o.To, 10, 64); err == nil {
		if offset < 0 {
			return nil, fmt.Errorf("%w: to is %d, and no offset is below 0", errOrder, offset)
		}
		return within(starts, ends, offset), nil
	}
	at, err := time.Parse(time.RFC3339, o.To)
	if err != nil {
		return nil, fmt.Errorf("%w: to is %q, and must be start, latest, a time like 2026-01-31T12:00:00Z, or an offset", errOrder, o.To)
	}
	after, err := admin.ListOffsetsAfterMilli(ctx, at.UnixMilli(), p.Inputs...)
	if err == nil {
		err = after.Error()
	}
	return after.Offsets(), err
}

// within is an offset in each partition, as far as the partition reaches.
func within(starts, ends kadm.ListedOffsets, offset int64) kadm.Offsets {
	all := kadm.Offsets{}
	starts.Each(func(start kadm.ListedOffset) {
		end, _ := ends.Lookup(start.Topic, start.Partition)
		all.AddOffset(start.Topic, start.Partition, min(max(offset, start.Offset), end.Offset), -1)
	})
	return all
}

// ending is r as it ends what it has begun, also if who asked has gone.
func ending(r *http.Request) *http.Request {
	return r.WithContext(context.WithoutCancel(r.Context()))
}

// move discards the state of a version that has stopped, if it is to, and sets its
// positions. If it fails the version must not go on: one may be done without the other. If
// it does all the same, it finds out by the marks of its positions, and stands still.
func (a *API) move(ctx context.Context, p process.Processor, o Order, to kadm.Offsets) error {
	ctx, cancel := context.WithTimeout(ctx, halting)
	defer cancel()
	admin, name := kadm.NewClient(a.Client), group.Name(p.Name, o.Version)
	if o.State == "discard" {
		id, err := discard(ctx, admin, group.Changelog(p.Name, o.Version))
		if err != nil {
			return fmt.Errorf("changelog: %w", err)
		}
		if id != [16]byte{} {
			noted(to, func(kadm.Offset) string { return standby.Mark{Changelog: id, Discarded: true}.String() })
		}
	} else {
		before, err := admin.FetchOffsets(kadm.RequireStable(ctx), name)
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return fmt.Errorf("positions before: %w", err)
		}
		noted(to, func(at kadm.Offset) string {
			was, _ := before.Lookup(at.Topic, at.Partition)
			return txn.Note(was.Metadata)
		})
	}
	for {
		set, err := admin.CommitOffsets(ctx, name, to)
		if err == nil {
			err = set.Error()
		}
		if err == nil {
			return nil
		}
		// A node that was frozen may be a member for a moment, until it knows that it is not
		// to run the version.
		if !errors.Is(err, kerr.UnknownMemberID) && !errors.Is(err, kerr.RebalanceInProgress) || !pause(ctx) {
			return fmt.Errorf("positions: %w", err)
		}
	}
}

// discard deletes a changelog, and gives its id: without it, state is discarded wherever it
// is.
func discard(ctx context.Context, admin *kadm.Client, changelog string) (id [16]byte, err error) {
	topics, err := admin.ListTopics(ctx, changelog)
	if err != nil {
		return id, err
	}
	gone, err := admin.DeleteTopics(ctx, changelog)
	if err == nil {
		err = gone.Error()
	}
	if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return id, err
	}
	return topics[changelog].ID, nil
}

// noted gives positions notes, which say whose state belongs to them.
func noted(to kadm.Offsets, note func(kadm.Offset) string) {
	for _, partitions := range to {
		for p, at := range partitions {
			if text := note(at); text != "" {
				at.Metadata = txn.Noted("", text)
			}
			partitions[p] = at
		}
	}
}
