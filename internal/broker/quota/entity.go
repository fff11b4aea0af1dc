package quota

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Types of the names in an entity, as Kafka calls them.
const (
	UserType     = "user"
	ClientIDType = "client-id"
)

// Name is a user or a client id in an [Entity]. The zero Name is none at all.
type Name struct {
	Kind Kind
	Text string // of Named
}

// Kind says what a [Name] stands for.
type Kind int8

// The kinds of names.
const (
	Absent  Kind = iota // the entity does not have it
	Default             // all that have no limit by name
	Named               // the one of that name
)

// Entity is what limits are set for. It is comparable.
type Entity struct {
	User, ClientID Name
}

// ErrInvalidEntity is wrapped by errors about entities.
var ErrInvalidEntity = errors.New("invalid quota entity")

// Set gives the entity the name of the type; nil is the default. The error, which
// wraps ErrInvalidEntity, says what is wrong with either.
func (e *Entity) Set(nameType string, name *string) error {
	place, err := e.place(nameType)
	switch {
	case err != nil:
		return err
	case place.Kind != Absent:
		return fmt.Errorf("%w: it has more than one %s", ErrInvalidEntity, nameType)
	case name == nil:
		place.Kind = Default
		return nil
	case *name == "":
		return fmt.Errorf("%w: the %s is empty", ErrInvalidEntity, nameType)
	case !utf8.ValidString(*name):
		return fmt.Errorf("%w: the %s %q is not UTF-8", ErrInvalidEntity, nameType, *name)
	}
	*place = Name{Named, *name}
	return nil
}

func (e *Entity) place(nameType string) (*Name, error) {
	switch nameType {
	case UserType:
		return &e.User, nil
	case ClientIDType:
		return &e.ClientID, nil
	}
	return nil, fmt.Errorf("%w: the type %q is not enforced here, only %s and %s are", ErrInvalidEntity, nameType, UserType, ClientIDType)
}

// Names calls f for the entity's names: user, then client id; nil is the default.
func (e Entity) Names(f func(nameType string, name *string)) {
	for _, n := range []struct {
		nameType string
		Name
	}{{UserType, e.User}, {ClientIDType, e.ClientID}} {
		switch n.Kind {
		case Named:
			f(n.nameType, &n.Text)
		case Default:
			f(n.nameType, nil)
		}
	}
}

// String is the entity's one form in text, a JSON object with a null for each
// default: {"user":"alice","client-id":null}.
func (e Entity) String() string {
	var parts []string
	e.Names(func(nameType string, name *string) {
		text, _ := json.Marshal(name) // of a string it cannot fail
		parts = append(parts, fmt.Sprintf("%q:%s", nameType, text))
	})
	return "{" + strings.Join(parts, ",") + "}"
}

// ParseEntity is the inverse of String. The error wraps ErrInvalidEntity.
func ParseEntity(text string) (Entity, error) {
	var names map[string]*string
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return Entity{}, fmt.Errorf("%w: %w", ErrInvalidEntity, err)
	}
	var e Entity
	for nameType, name := range names {
		if err := e.Set(nameType, name); err != nil {
			return Entity{}, err
		}
	}
	if e.String() != text {
		return Entity{}, fmt.Errorf("%w: %s is written %s", ErrInvalidEntity, text, e)
	}
	return e, nil
}
