package topic

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/evidentlog/evident/internal/resource"
)

type reconciler struct {
	cfg Config

	mu struct {
		sync.Mutex
		// going are the topics of the deletions that were examined last, by name; one that
		// was not there has none. Between that and the deletion the request is written,
		// which only the writer of that moment can do: who stood still meanwhile deletes
		// what was to be deleted, and not a topic that another writer has made since.
		going map[string]*found
	}
}

// Examine asks the cluster whether it would make the changes.
func (c *reconciler) Examine(ctx context.Context, changes []resource.Change, allowed resource.Allowed) map[resource.Key]error {
	if changes[0].After == nil {
		return keyed(c.examineGoing(ctx, changes, allowed))
	}
	p, failed := c.sort(ctx, changes)
	maps.Copy(failed, create(ctx, c.cfg.Client, p.fresh, true))
	maps.Copy(failed, alter(ctx, c.cfg.Client, p.there, true))
	maps.Copy(failed, grow(ctx, c.cfg.Client, p.short, true))
	return keyed(failed)
}

// Make makes the changes.
func (c *reconciler) Make(ctx context.Context, changes []resource.Change, allowed resource.Allowed) map[resource.Key]error {
	if changes[0].After == nil {
		return keyed(c.makeGone(ctx, changes, allowed))
	}
	p, failed := c.sort(ctx, changes)
	maps.Copy(failed, create(ctx, c.cfg.Client, p.fresh, false))
	maps.Copy(failed, alter(ctx, c.cfg.Client, p.there, false))
	maps.Copy(failed, grow(ctx, c.cfg.Client, p.short, false))
	return keyed(failed)
}

func keyed(failed failures) map[resource.Key]error {
	all := make(map[resource.Key]error, len(failed))
	for name, err := range failed {
		all[resource.Key{Kind: Name, Name: name}] = err
	}
	return all
}

// examineGoing says which topics must not be deleted, and takes note of those that there are.
func (c *reconciler) examineGoing(ctx context.Context, changes []resource.Change, allowed resource.Allowed) failures {
	there, failed := c.lookUp(ctx, namesOf(changes))
	if len(failed) > 0 {
		return failed
	}
	c.mu.Lock()
	c.mu.going = there
	c.mu.Unlock()
	return c.mayGo(ctx, changes, allowed)
}

// makeGone deletes topics: those that were there when that was examined, by their ids, or
// that are there now, of a request that a writer before has written.
func (c *reconciler) makeGone(ctx context.Context, changes []resource.Change, allowed resource.Allowed) failures {
	c.mu.Lock()
	there := c.mu.going
	c.mu.going = nil
	c.mu.Unlock()
	names := namesOf(changes)
	if slices.ContainsFunc(names, func(name string) bool { _, examined := there[name]; return !examined }) {
		var failed failures
		if there, failed = c.lookUp(ctx, names); len(failed) > 0 {
			return failed
		}
	}
	failed := c.mayGo(ctx, changes, allowed)
	var gone []wanted
	for _, name := range names {
		if now := there[name]; now != nil && failed[name] == nil {
			gone = append(gone, wanted{name: name, id: now.id})
		}
	}
	maps.Copy(failed, remove(ctx, c.cfg.Client, gone))
	return failed
}

// lookUp finds topics; those that are not there are nil.
func (c *reconciler) lookUp(ctx context.Context, names []string) (map[string]*found, failures) {
	all, failed := map[string]*found{}, failures{}
	there, err := find(ctx, c.cfg.Client, names)
	for _, name := range names {
		all[name] = nil
		if now, is := there[name]; is {
			all[name] = &now
		}
		if err != nil {
			failed[name] = err
		}
	}
	return all, failed
}

func namesOf(changes []resource.Change) (names []string) {
	for _, change := range changes {
		names = append(names, change.Key.Name)
	}
	return names
}

// mayGo says which topics must not be deleted: those with records, unless that is
// allowed.
func (c *reconciler) mayGo(ctx context.Context, changes []resource.Change, allowed resource.Allowed) failures {
	failed := failures{}
	if allowed.DeleteData {
		return failed
	}
	names := namesOf(changes)
	there, err := find(ctx, c.cfg.Client, names)
	var records map[string]int64
	if err == nil && len(there) > 0 {
		records, err = holding(ctx, c.cfg.Client, slices.Sorted(maps.Keys(there)))
	}
	for _, name := range names {
		if err != nil {
			failed[name] = err
		} else if n := records[name]; n > 0 {
			failed[name] = fmt.Errorf("the topic holds %d records, which would be lost: --delete-data lets them go", n)
		}
	}
	return failed
}

// parts are topics by what has to be done.
type parts struct {
	fresh []wanted // to be made
	there []wanted // to be altered
	short []wanted // of these, those that are to have more partitions
}

// sort says what has to be done for changes, and what cannot be.
func (c *reconciler) sort(ctx context.Context, changes []resource.Change) (parts, failures) {
	var p parts
	failed := failures{}
	there, unknown := find(ctx, c.cfg.Client, namesOf(changes))
	for _, change := range changes {
		name := change.Key.Name
		w, err := c.want(change)
		now, is := there[name]
		switch {
		case unknown != nil:
			failed[name] = unknown
		case err != nil:
			failed[name] = err
		case !is:
			w.replicas = cmp.Or(w.replicas, c.cfg.ReplicationFactor)
			p.fresh = append(p.fresh, w)
		case w.partitions > 0 && w.partitions < now.partitions:
			failed[name] = fmt.Errorf("the topic has %d partitions, and %d are declared: partitions are never taken away", now.partitions, w.partitions)
		case w.replicas > 0 && w.replicas != now.replicas:
			failed[name] = fmt.Errorf("the topic has %d replicas, and %d are declared: they are given when a topic is made, and moved with Kafka's own tools", now.replicas, w.replicas)
		default:
			p.there = append(p.there, w)
			if w.partitions > now.partitions {
				p.short = append(p.short, w)
			}
		}
	}
	return p, failed
}

// want is what the cluster is to have after a change.
func (c *reconciler) want(change resource.Change) (wanted, error) {
	after, err := read(change.After)
	if err != nil {
		return wanted{}, err
	}
	w := wanted{name: change.Key.Name, partitions: after.Partitions, replicas: after.Replicas, set: c.settings(after)}
	if change.Before == nil {
		return w, nil
	}
	before, err := read(change.Before)
	if err != nil {
		return wanted{}, err
	}
	for _, key := range slices.Sorted(maps.Keys(c.settings(before))) {
		if _, still := w.set[key]; !still {
			w.unset = append(w.unset, key)
		}
	}
	return w, nil
}

// settings are those that the cluster is to have.
func (c *reconciler) settings(s Spec) map[string]string {
	all := map[string]string{}
	for key, value := range s.Config {
		if !c.cfg.Foreign || !strings.HasPrefix(key, ownPrefix) {
			all[key] = string(value)
		}
	}
	return all
}

// Drift compares topics with their declarations: how many partitions there are, and
// the settings that were declared, or that somebody else has given the topic.
func (c *reconciler) Drift(ctx context.Context, declared []*resource.Resource) (map[resource.Key][]resource.Difference, error) {
	var names []string
	for _, r := range declared {
		names = append(names, r.Metadata.Name)
	}
	there, err := find(ctx, c.cfg.Client, names)
	if err != nil {
		return nil, err
	}
	all := map[resource.Key][]resource.Difference{}
	for _, r := range declared {
		spec, err := read(r)
		if err != nil {
			return nil, err
		}
		now, is := there[r.Metadata.Name]
		if !is {
			all[r.Key()] = []resource.Difference{{Before: r.Spec}}
			continue
		}
		if d := c.drift(spec, now); len(d) > 0 {
			all[r.Key()] = d
		}
	}
	return all, nil
}

func (c *reconciler) drift(spec Spec, now found) []resource.Difference {
	before, after := map[string]any{}, map[string]any{}
	for key, value := range c.settings(spec) {
		before[key], after[key] = value, now.settings[key].value
	}
	for key, s := range now.settings {
		if _, known := before[key]; !known && s.own {
			after[key] = s.value
		}
	}
	all := resource.Compare("/spec/config", before, after)
	counts := func(partitions int32, replicas int16) map[string]any {
		m := map[string]any{}
		if spec.Partitions > 0 {
			m["partitions"] = partitions
		}
		if spec.Replicas > 0 {
			m["replicas"] = replicas
		}
		return m
	}
	return append(all, resource.Compare("/spec", counts(spec.Partitions, spec.Replicas), counts(now.partitions, now.replicas))...)
}
