package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// draft is an event as a rule decides it: what happened to which order. The
// service that runs the rule adds who says so, when, and because of what.
type draft struct {
	eventType string
	order     string
	key       string
	// step tells several events of one type about one order apart.
	step string
	data any
	// final says that the order needs no further step.
	final bool
}

// event returns the draft as an event. Its id follows from what happened, so
// that doing the same twice gives the same event: that is what lets consumers
// recognise a repetition.
func (d draft) event(source, causation string, at time.Time) (Event, error) {
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false) // "&" is common in descriptions, and people read them
	if err := encoder.Encode(d.data); err != nil {
		return Event{}, fmt.Errorf("%s of order %s: %w", d.eventType, d.order, err)
	}
	id := d.order + "-" + d.eventType
	if d.step != "" {
		id += "-" + d.step
	}
	return Event{
		ID: id, Source: source, Type: d.eventType, Subject: d.order, Time: at,
		Correlation: d.order, Causation: causation, Key: d.key, Data: bytes.TrimSuffix(data.Bytes(), []byte{'\n'}),
	}, nil
}
