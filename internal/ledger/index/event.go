package index

import "github.com/evidentlog/evident/event"

// A Field is something that a record can be found by.
type Field int

// The fields. ID, Type and Correlation are attributes of CloudEvents.
const (
	Key Field = iota
	ID
	Type
	Correlation
	fields int = iota
)

// attribute returns what a field stands for in an event; nil for Key.
func attribute(g *event.Glance, f Field) []byte {
	switch f {
	case ID:
		return g.ID
	case Type:
		return g.Type
	case Correlation:
		return g.CorrelationID
	}
	return nil
}
