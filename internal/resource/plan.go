package resource

import (
	"cmp"
	"fmt"
	"slices"
)

// SetLabel is the label that names the set of files a resource came from.
const SetLabel = "evident/set"

// An Action is what becomes of a resource.
type Action string

// What may become of a resource.
const (
	Create    Action = "create"
	Update    Action = "update"
	Delete    Action = "delete"
	Unchanged Action = "unchanged"
)

// A Change is what becomes of one resource.
type Change struct {
	Action Action `json:"action"`
	Key    Key    `json:"key"`
	// Before and After are the resource as it is and as it will be; nil where there
	// is none.
	Before *Resource `json:"-"`
	After  *Resource `json:"-"`
	// Differences are where they differ.
	Differences []Difference `json:"differences,omitempty"`
	// Drift is, of a resource that is declared as it was, where what is outside
	// differs (Before is what is declared), and is set right.
	Drift []Difference `json:"drift,omitempty"`
	// Revision is the resource's after the change; before it is written, the one
	// that it has, 0 for a new one.
	Revision int64 `json:"revision,omitempty"`
}

// A Placed fault is one of a declaration among several.
type Placed struct {
	// Index is which declaration, from 0; -1 if it is about none of them.
	Index int `json:"index"`
	Fault
}

// A Wish is what a request wants.
type Wish struct {
	// Apply is what is to be declared.
	Apply []*Resource
	// Delete is what is to be declared no more.
	Delete []Key
	// Set names the set that Apply is all of: [SetLabel] of what it applies. Empty:
	// none.
	Set string
	// Prune deletes what the set had and Apply has not.
	Prune bool
	// Allowed is what may be done that is not harmless.
	Allowed Allowed
}

// plan says what has to change for a wish, those first that others refer to. It
// returns faults if the wish does not go together, or not with the state.
func (k *Kinds) plan(s *State, w Wish) ([]Change, []Placed) {
	p := planner{kinds: k, state: s, wish: w, after: map[Key]*Resource{}, index: map[Key]int{}}
	p.gather()
	p.refer()
	if len(p.faults) > 0 {
		return nil, p.faults
	}
	return p.order(), p.faults
}

// A planner makes one plan.
type planner struct {
	kinds  *Kinds
	state  *State
	wish   Wish
	after  map[Key]*Resource // what will be declared of all that changes; nil: no more
	index  map[Key]int       // of the declarations
	faults []Placed
}

func (p *planner) fault(index int, pointer, format string, args ...any) {
	p.faults = append(p.faults, Placed{index, Fault{pointer, fmt.Sprintf(format, args...)}})
}

// gather finds what will be declared.
func (p *planner) gather() {
	for i, r := range p.wish.Apply {
		if first, twice := p.index[r.Key()]; twice {
			p.fault(i, "/metadata/name", "%v is declared twice: declaration %d is of the same name", r.Key(), first+1)
			continue
		}
		p.index[r.Key()], p.after[r.Key()] = i, p.labelled(i, r)
	}
	for _, k := range p.wish.Delete {
		if p.state.Get(k) == nil {
			p.fault(-1, "", "%v is not declared%s", k, p.state.near(k))
		}
		p.after[k] = nil
	}
	if !p.wish.Prune {
		return
	}
	for k, v := range p.state.resources {
		if _, there := p.after[k]; !there && v.Resource.Metadata.Labels[SetLabel] == p.wish.Set {
			p.after[k] = nil
		}
	}
}

// labelled is a declaration with the label of its set.
func (p *planner) labelled(i int, r *Resource) *Resource {
	if p.wish.Set == "" {
		return r
	}
	if own, ok := r.Metadata.Labels[SetLabel]; ok && own != p.wish.Set {
		p.fault(i, "/metadata/labels/"+escape(SetLabel), "%v says that it is of the set %q, and %q is applied", r.Key(), own, p.wish.Set)
	}
	c := *r
	c.Metadata.Labels = map[string]string{SetLabel: p.wish.Set}
	for key, value := range r.Metadata.Labels {
		c.Metadata.Labels[key] = value
	}
	return &c
}

// refer checks that whatever is referred to will be there.
func (p *planner) refer() {
	for key, r := range p.after {
		if r == nil {
			continue
		}
		for _, ref := range p.references(r) {
			p.referTo(p.index[key], ref)
		}
	}
	for key, v := range p.state.resources {
		if _, changes := p.after[key]; changes {
			continue
		}
		for _, ref := range p.references(v.Resource) {
			if r, changes := p.after[ref.To]; changes && r == nil {
				p.fault(-1, "", "%v cannot be deleted: %v refers to it", ref.To, key)
			}
		}
	}
	slices.SortFunc(p.faults, func(a, b Placed) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Text, b.Text))
	})
}

func (p *planner) references(r *Resource) []Reference {
	if k := p.kinds.byName[r.Kind]; k != nil && k.References != nil {
		return k.References(r.Spec)
	}
	return nil
}

// referTo checks that what a declaration refers to will be there.
func (p *planner) referTo(index int, ref Reference) {
	r, changes := p.after[ref.To]
	switch {
	case changes && r == nil:
		p.fault(index, "/spec"+ref.Pointer, "%v is to be deleted by the same request", ref.To)
	case !changes && p.state.Get(ref.To) == nil:
		p.fault(index, "/spec"+ref.Pointer, "%v is not declared%s", ref.To, p.state.near(ref.To))
	}
}

// order makes the changes: what is referred to before what refers to it, and what
// is deleted at the end, the other way round.
func (p *planner) order() []Change {
	s := sorter{planner: p, mark: map[Key]marking{}}
	for _, key := range sortedKeys(p.after) {
		s.visit(key)
	}
	if len(p.faults) > 0 {
		return nil
	}
	slices.Reverse(s.deleted)
	var changes []Change
	for _, key := range append(s.made, s.deleted...) {
		c, err := p.change(key)
		if err != nil {
			p.fault(-1, "", "%v", err)
			return nil
		}
		changes = append(changes, c)
	}
	return changes
}

// change says what becomes of a resource.
func (p *planner) change(key Key) (Change, error) {
	c := Change{Key: key, After: p.after[key], Action: Create}
	if v := p.state.Get(key); v != nil {
		c.Before, c.Revision, c.Action = v.Resource, v.Revision, Update
	}
	if c.After == nil {
		c.Action = Delete
	} else if text, err := c.After.canonical(); err != nil {
		return c, err
	} else if c.Before != nil && string(text) == p.state.canonical[key] {
		c.Action = Unchanged
		return c, nil
	}
	var err error
	c.Differences, err = Diff(c.Before, c.After)
	return c, err
}
