package audit

import "fmt"

// A Part is what was altered.
type Part string

// The parts of a ledger.
const (
	RecordPart     Part = "record or salt" // nobody can tell which of the two
	SaltPart       Part = "salt"
	EntryPart      Part = "entry"
	TilePart       Part = "tile"
	HeadPart       Part = "head"
	CheckpointPart Part = "checkpoint"
)

// A Finding is what does not fit. It is an error, so that it ends the audit of
// its log; others go on.
type Finding struct {
	Log     string `json:"log"`    // its origin
	Offset  int64  `json:"offset"` // of the record or entry; -1 if it is about none
	Part    Part   `json:"part"`
	Message string `json:"message"`
}

func (f *Finding) Error() string { return f.Log + ": " + f.Message }

func finding(log string, offset int64, part Part, format string, args ...any) *Finding {
	return &Finding{log, offset, part, fmt.Sprintf(format, args...)}
}
