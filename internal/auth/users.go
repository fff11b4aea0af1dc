package auth

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// Credentials are those of one user, by SCRAM mechanism. They are never empty.
type Credentials map[Mechanism]Credential

// Users is everybody who can log in, at one moment. It is never changed.
type Users struct {
	byName map[string]Credentials
	// shapes are those that the users' credentials have, for each mechanism that a
	// client may choose, distinct and in order.
	shapes map[Mechanism][]shape
}

// NewUsers takes over byName.
func NewUsers(byName map[string]Credentials) *Users {
	u := &Users{byName: byName, shapes: make(map[Mechanism][]shape)}
	for _, m := range Mechanisms() {
		distinct := make(map[shape]bool)
		for _, credentials := range byName {
			if scram, c, ok := credentials.against(m); ok {
				distinct[shapeOf(scram, c)] = true
			}
		}
		u.shapes[m] = slices.SortedFunc(maps.Keys(distinct), shape.compare)
	}
	return u
}

// With returns the users with some changed. No credentials means that the user
// is gone.
func (u *Users) With(changes map[string]Credentials) *Users {
	byName := maps.Clone(u.byName)
	if byName == nil {
		byName = make(map[string]Credentials)
	}
	for name, c := range changes {
		if len(c) == 0 {
			delete(byName, name)
		} else {
			byName[name] = c
		}
	}
	return NewUsers(byName)
}

// Get returns a user's credentials, nil if there is no such user.
func (u *Users) Get(name string) Credentials { return u.byName[name] }

// Len is how many users there are.
func (u *Users) Len() int { return len(u.byName) }

// All gives all users in order of their names.
func (u *Users) All() iter.Seq2[string, Credentials] {
	return func(yield func(string, Credentials) bool) {
		for _, name := range slices.Sorted(maps.Keys(u.byName)) {
			if !yield(name, u.byName[name]) {
				return
			}
		}
	}
}

// against is the credential that a client using m is checked against. PLAIN
// has none of its own: the strongest serves.
func (c Credentials) against(m Mechanism) (Mechanism, Credential, bool) {
	if m != Plain {
		found, ok := c[m]
		return m, found, ok
	}
	for _, scram := range Mechanisms() {
		if found, ok := c[scram]; ok {
			return scram, found, true
		}
	}
	return "", Credential{}, false
}

// shape is what somebody who does not know the password sees of a credential,
// or can measure: all but the salt's value.
type shape struct {
	scram      Mechanism
	iterations int
	salt       int  // bytes
	base36     bool // the salt is digits and small letters, as Kafka's tools make it
}

func shapeOf(m Mechanism, c Credential) shape {
	return shape{m, c.Iterations, len(c.Salt), !slices.ContainsFunc(c.Salt, func(b byte) bool {
		return !('0' <= b && b <= '9' || 'a' <= b && b <= 'z')
	})}
}

func (s shape) compare(t shape) int {
	base36 := 0
	if s.base36 != t.base36 {
		base36 = 1
		if t.base36 {
			base36 = -1
		}
	}
	return cmp.Or(cmp.Compare(s.scram, t.scram), cmp.Compare(s.iterations, t.iterations), cmp.Compare(s.salt, t.salt), base36)
}
