// Package quota is what "evident quota" does: listing, setting and deleting
// the limits of clients. Each command is a struct whose fields are its flags and
// whose Run does it.
package quota

import (
	"cmp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/tool"
)

// Entity is what a limit is for, as flags give it and as rpk has them.
type Entity struct {
	// Names are type=name pairs: "user=alice", "client-id=app".
	Names []string
	// Defaults are types: "user" is all users that have no limit by name.
	Defaults []string
}

// parse reads the flags: names by type, nil being the default.
func (e Entity) parse() (kadm.ClientQuotaEntity, error) {
	var entity kadm.ClientQuotaEntity
	for _, pair := range e.Names {
		nameType, name, ok := strings.Cut(pair, "=")
		if !ok || nameType == "" || name == "" {
			return nil, tool.Usagef(`--name %q is no name: write type=name, such as "user=alice" or "client-id=app"`, pair)
		}
		entity = append(entity, kadm.ClientQuotaEntityComponent{Type: nameType, Name: &name})
	}
	for _, nameType := range e.Defaults {
		entity = append(entity, kadm.ClientQuotaEntityComponent{Type: nameType})
	}
	return entity, nil
}

// required is parse of what must not be empty.
func (e Entity) required() (kadm.ClientQuotaEntity, error) {
	entity, err := e.parse()
	if err == nil && len(entity) == 0 {
		err = tool.Usagef("say whose limits: give --name user=NAME, --name client-id=NAME, or --default user or client-id")
	}
	return entity, err
}

// Limits are those of one entity.
type Limits struct {
	// Entity has names by type, null for a default.
	Entity map[string]*string `json:"entity"`
	// Limits has values by name.
	Limits map[string]float64 `json:"limits"`

	text string
}

func limitsOf(d kadm.DescribedClientQuota) Limits {
	l := Limits{Entity: make(map[string]*string), Limits: make(map[string]float64), text: text(d.Entity)}
	for _, c := range d.Entity {
		l.Entity[c.Type] = c.Name
	}
	for _, v := range d.Values {
		l.Limits[v.Key] = v.Value
	}
	return l
}

// text is the entity as rpk writes it: "user=alice, client-id=<default>".
func text(entity kadm.ClientQuotaEntity) string {
	entity = slices.Clone(entity)
	slices.SortFunc(entity, func(a, b kadm.ClientQuotaEntityComponent) int { return cmp.Compare(b.Type, a.Type) }) // user first
	parts := make([]string, len(entity))
	for i, c := range entity {
		parts[i] = c.String()
	}
	return strings.Join(parts, ", ")
}
