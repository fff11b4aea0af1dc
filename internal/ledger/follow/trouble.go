package follow

import (
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

const (
	// restMost is how long a partition rests at most that gives nothing but errors,
	// and openMost one whose tree cannot be opened: that may mean reading all of it.
	restMost = time.Minute
	openMost = 10 * time.Minute
	// quietErrors is how many errors in a row are nothing to speak of that come and
	// go as topics are made and deleted, and leaders change.
	quietErrors = 5
)

// An Alarm is something that an operator has to look at. Each is logged as an
// error, too.
type Alarm string

// The alarms.
const (
	// Truncated: a log was cut back behind the ledger, and a new generation begins.
	Truncated Alarm = "truncated"
	// Diverged: a log has other records than the ledger saw there, likewise.
	Diverged Alarm = "diverged"
	// Lost: records were removed before the ledger read them.
	Lost Alarm = "lost"
	// Unreadable: records in a sound batch cannot be read, and are lost.
	Unreadable Alarm = "unreadable"
	// Stuck: a partition gives nothing but errors, or its tree cannot be opened.
	Stuck Alarm = "stuck"
)

// A waiting is how long to wait after failures in a row.
type waiting struct {
	failures int
	until    time.Time
	said     string // what was logged last
}

// over tells whether it is time to try again.
func (w *waiting) over(now time.Time) bool { return !now.Before(w.until) }

// failed notes another failure: the rest doubles up to most. It tells whether the
// error is news.
func (w *waiting) failed(err error, most time.Duration) (news bool) {
	w.until = time.Now().Add(min(retryAfter<<min(w.failures, 20), most))
	w.failures++
	news = w.said != err.Error()
	w.said = err.Error()
	return news
}

// trouble lets a partition rest after an error. It tells whether the error may
// mean that the partition is elsewhere.
func (f *Follower) trouble(p *followed, err error) (elsewhere bool) {
	elsewhere = kerr.IsRetriable(err)
	news := p.waiting.failed(err, restMost)
	switch {
	case elsewhere && p.waiting.failures <= quietErrors:
		f.cfg.Logger.Debug("the ledger cannot go on in a partition, and tries again", "partition", p, "error", err)
	case news || p.waiting.failures == quietErrors+1:
		f.alarm(Stuck, "the ledger cannot go on in a partition, and tries again", "partition", p, "error", err)
	}
	return elsewhere
}

// alarm tells an operator.
func (f *Follower) alarm(kind Alarm, text string, about ...any) {
	f.cfg.Logger.Error(text, append(about, slog.String("alarm", string(kind)))...)
	if f.cfg.Alarm != nil {
		f.cfg.Alarm(kind)
	}
}
