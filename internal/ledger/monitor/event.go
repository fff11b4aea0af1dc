package monitor

import (
	"encoding/json"
	"time"
)

// Types of alarms.
const (
	// Fork: two versions of a log, or of a tree, were signed.
	Fork = "evident.monitor.fork"
	// Rollback: a log or a tree became smaller.
	Rollback = "evident.monitor.rollback"
	// Altered: what is served does not lead to what was signed.
	Altered = "evident.monitor.altered"
	// Violation: the root log has an entry that its rules forbid.
	Violation = "evident.monitor.violation"
	// Stalled: the log has given no sign of life for too long.
	Stalled = "evident.monitor.stalled"
	// Closed: a generation of a tree has ended. That is allowed, and somebody may
	// want to know why; the monitor goes on.
	Closed = "evident.monitor.closed"
)

// An Event is an alarm in CloudEvents' terms.
type Event struct {
	ID      string // the same for the same cause
	Source  string // the log's origin
	Type    string
	Subject string // the log or tree that it is about, by its origin
	Time    time.Time
	Data    Data
}

// Data is what an alarm says.
type Data struct {
	Message  string   `json:"message"`
	Reason   string   `json:"reason,omitempty"`   // of closed generations
	Size     int64    `json:"size"`               // of the log or tree
	Evidence []string `json:"evidence,omitempty"` // files that prove it, for anybody
}

// ContentType is that of an event's data.
const ContentType = "application/json"

// MarshalJSON writes the event in CloudEvents' JSON format.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		SpecVersion string `json:"specversion"`
		ID          string `json:"id"`
		Source      string `json:"source"`
		Type        string `json:"type"`
		Subject     string `json:"subject"`
		Time        string `json:"time"`
		ContentType string `json:"datacontenttype"`
		Data        Data   `json:"data"`
	}{"1.0", e.ID, e.Source, e.Type, e.Subject, e.Time.UTC().Format(time.RFC3339Nano), ContentType, e.Data})
}

// Attributes are the event's context attributes by name, as the binary modes of
// CloudEvents' protocol bindings carry them.
func (e Event) Attributes() map[string]string {
	return map[string]string{
		"specversion": "1.0", "id": e.ID, "source": e.Source, "type": e.Type, "subject": e.Subject,
		"time": e.Time.UTC().Format(time.RFC3339Nano),
	}
}

// An Alarm is an error that ends a monitor: all but Closed.
type Alarm struct{ Event }

func (a *Alarm) Error() string { return "ALARM: " + a.Data.Message }
