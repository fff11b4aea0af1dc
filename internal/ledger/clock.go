package ledger

import (
	"log/slog"
	"time"
)

// ClockAlarm is what Config.Alarm is told when a clock is far from the bucket's.
const ClockAlarm = "clock"

// maxOff is how far a node's clock may be from the bucket's. S3 itself takes no
// requests from a clock that is off by 15 minutes.
const maxOff = time.Minute

// now is the time for entries of the root log. It never goes back.
func (l *Ledger) now() int64 {
	l.lastTime = max(l.lastTime, l.clock().UnixMilli())
	return l.lastTime
}

// clock is the node's, or the bucket's if that is another: since times never go
// back, one node could push those of all others into the future, for good.
func (l *Ledger) clock() time.Time {
	now := l.cfg.Now()
	if l.sharing == nil {
		return now
	}
	earliest, latest, known := l.sharing.bucket.Time()
	if !known {
		return now
	}
	right := now
	switch {
	case now.Sub(latest) > maxOff:
		right = latest
	case earliest.Sub(now) > maxOff:
		right = earliest
	}
	off := now.Sub(right)
	l.sharing.off = l.alarmOnce(off != 0, l.sharing.off,
		"this node's clock is far from that of the ledger's bucket, whose time is written until it is set", "off", off)
	return right
}

// watchTime tells when others have written a time that is yet to come.
func (l *Ledger) watchTime() {
	_, latest, known := l.sharing.bucket.Time()
	written := time.UnixMilli(l.lastTime)
	l.sharing.future = l.alarmOnce(known && written.Sub(latest) > maxOff, l.sharing.future,
		"a node has written a time into the root log that is yet to come: until then all nodes repeat it", "time", written.UTC())
}

// alarmOnce tells an operator that something is so, if it was not so before.
func (l *Ledger) alarmOnce(is, was bool, text string, about ...any) bool {
	if is && !was {
		l.cfg.Logger.Error(text, append(about, slog.String("alarm", ClockAlarm))...)
		if l.cfg.Alarm != nil {
			l.cfg.Alarm(ClockAlarm)
		}
	}
	return is
}
