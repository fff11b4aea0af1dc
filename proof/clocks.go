package proof

import (
	"fmt"
	"slices"
	"time"
)

// ClockMargin is by how much the clocks of logs, witnesses and verifiers may
// differ before the time in a cosignature is not used.
const ClockMargin = 5 * time.Minute

// take adds what a witness says of the time, unless that is still to come:
// tlog-cosignature lets verifiers reject times in the future. The cosignature
// counts all the same: that the witness has seen no other history does not
// depend on its clock.
func (t *Trust) take(proven *ProvenHead, e Existed) {
	if !t.Now.IsZero() && e.Clock.After(t.Now.Add(ClockMargin)) {
		proven.Unknown = append(proven.Unknown, fmt.Sprintf("time in the cosignature of %s: %s is still to come by the clock here: one of the two is wrong",
			e.By, e.Clock.Format(time.RFC3339)))
		return
	}
	proven.Existed = append(proven.Existed, e)
}

// doubt takes away times of witnesses before which the checkpoint cannot have
// existed, if the log's clock was right: they would make certain what is not so.
// Whether the log's clock or the witness's is wrong, nobody can tell.
func (proven *ProvenHead) doubt(logged time.Time) {
	proven.Existed = slices.DeleteFunc(proven.Existed, func(e Existed) bool {
		early := e.NotAfter().Before(logged.Add(-ClockMargin))
		if early {
			proven.Unknown = append(proven.Unknown, fmt.Sprintf("time in the cosignature of %s: %s is before %s, when the log says that it wrote what was cosigned: one of the two clocks is wrong",
				e.By, e.Clock.Format(time.RFC3339), logged.Format(time.RFC3339)))
		}
		return early
	})
}
