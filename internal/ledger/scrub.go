package ledger

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/evidentlog/evident/internal/ledger/checkpoints"
)

// KeptAlarm is what Config.Alarm is told when a checkpoint that is kept for ever
// is damaged.
const KeptAlarm = "checkpoints"

const (
	// scrubEvery is how often kept checkpoints are read again, and scrubFirst after
	// how long for the first time.
	scrubEvery = 24 * time.Hour
	scrubFirst = time.Minute
	// scrubRest is between some hundred of them: what a year keeps is read in some
	// minutes.
	scrubRest = 100 * time.Millisecond
)

// WatchKept reads the checkpoints that are kept once a day until ctx ends, and
// raises the alarm if one is damaged: most of them are asked for by nobody for
// years.
func (l *Ledger) WatchKept(ctx context.Context) {
	next := time.NewTimer(scrubFirst)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		l.keptDamaged(l.kept.Scrub(ctx, scrubRest))
		next.Reset(scrubEvery)
	}
}

// keptDamaged raises the alarm if that is so. What could not be read for another
// reason, such as a file that was closed, is read again.
func (l *Ledger) keptDamaged(err error) {
	if !errors.Is(err, checkpoints.ErrCorrupt) {
		return
	}
	l.cfg.Logger.Error("checkpoints that are kept for ever are damaged: restore the files from a copy", "error", err, slog.String("alarm", KeptAlarm))
	if l.cfg.Alarm != nil {
		l.cfg.Alarm(KeptAlarm)
	}
}
