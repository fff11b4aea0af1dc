package quota

import (
	"iter"
	"maps"
)

// Table is all limits at one moment. It is immutable; nil is empty.
type Table struct {
	all     map[Entity]map[string]float64 // by name of the limit; none is empty
	byLimit [Kinds]map[Entity]float64     // nil where nobody has one
}

// NewTable is a table of the limits given, by name, which it takes over.
func NewTable(all map[Entity]map[string]float64) *Table {
	t := &Table{all: all}
	for e, values := range all {
		for name, v := range values {
			l, ok := limitNamed(name)
			if !ok {
				continue
			}
			if t.byLimit[l] == nil {
				t.byLimit[l] = make(map[Entity]float64)
			}
			t.byLimit[l][e] = v
		}
	}
	return t
}

// With is t with the limits of the entities replaced; none takes an entity out.
func (t *Table) With(changes map[Entity]map[string]float64) *Table {
	all := make(map[Entity]map[string]float64)
	if t != nil {
		maps.Copy(all, t.all)
	}
	for e, values := range changes {
		if len(values) == 0 {
			delete(all, e)
		} else {
			all[e] = values
		}
	}
	return NewTable(all)
}

// Limits are those of the entity itself, by name. They must not be changed.
func (t *Table) Limits(e Entity) map[string]float64 {
	if t == nil {
		return nil
	}
	return t.all[e]
}

// All gives all entities with their limits, in no order.
func (t *Table) All() iter.Seq2[Entity, map[string]float64] {
	if t == nil {
		return func(func(Entity, map[string]float64) bool) {}
	}
	return maps.All(t.all)
}

// Client is who uses something.
type Client struct {
	User, ClientID string
}

// account is whose use is added up: an entity's with names only.
type account struct {
	limit          Limit
	user, clientID string
}

// find returns the limit that applies to the client, and whose use counts.
func (t *Table) find(l Limit, c Client) (value float64, a account, ok bool) {
	if t == nil || t.byLimit[l] == nil {
		return 0, a, false
	}
	user, client := Name{Named, c.User}, Name{Named, c.ClientID}
	for _, e := range [...]Entity{
		{user, client}, {user, Name{Kind: Default}}, {User: user},
		{Name{Kind: Default}, client}, {Name{Kind: Default}, Name{Kind: Default}}, {User: Name{Kind: Default}},
		{ClientID: client}, {ClientID: Name{Kind: Default}},
	} {
		if e.ClientID.Kind != Absent && c.ClientID == "" {
			continue
		}
		if value, ok = t.byLimit[l][e]; !ok {
			continue
		}
		a.limit = l
		if e.User.Kind != Absent {
			a.user = c.User
		}
		if e.ClientID.Kind != Absent {
			a.clientID = c.ClientID
		}
		return value, a, true
	}
	return 0, a, false
}
