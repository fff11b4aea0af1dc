package event

import (
	"fmt"
	"time"
)

// A Timestamp is a time as RFC 3339 writes it. It is kept as it was written: its
// offset, and as many digits of a second as somebody gave. Empty is none.
type Timestamp string

// At returns a time to the nanosecond, with its offset. One outside the years 0 to
// 9999 makes no valid Timestamp.
func At(t time.Time) Timestamp { return Timestamp(t.Format(time.RFC3339Nano)) }

// Time returns the time, to the nanosecond. A leap second is the second after it.
func (t Timestamp) Time() (time.Time, error) {
	c, ok := parseTime(string(t))
	if !ok {
		return time.Time{}, fmt.Errorf("%w: %q %s", ErrInvalid, clip(string(t)), timeFault(string(t)))
	}
	zone := time.UTC
	if c.offset != 0 {
		zone = time.FixedZone("", c.offset*60)
	}
	return time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, c.second, c.nano, zone), nil
}

// timeFault says that a text is no time.
func timeFault(s string) string {
	if _, ok := parseTime(s); !ok {
		return "is no time as RFC 3339 writes it, such as 2026-01-02T15:04:05.999Z or 2026-01-02T16:04:05+01:00"
	}
	return ""
}

// A clock is what a time says in its own zone.
type clock struct {
	year, month, day, hour, minute, second, nano int
	offset                                       int // of the zone from UTC, in minutes
}

// parseTime reads RFC 3339, section 5.6. The letters may be small.
func parseTime(s string) (c clock, ok bool) {
	const form = "0000-00-00T00:00:00"
	if len(s) < len(form)+1 {
		return c, false
	}
	for i := range len(form) {
		switch {
		case form[i] == '0' && isDigit(s[i]), form[i] == s[i], form[i] == 'T' && s[i] == 't':
		default:
			return c, false
		}
	}
	c = clock{
		year: 100*twoDigits(s) + twoDigits(s[2:]), month: twoDigits(s[5:]), day: twoDigits(s[8:]),
		hour: twoDigits(s[11:]), minute: twoDigits(s[14:]), second: twoDigits(s[17:]),
	}
	rest, ok := c.fraction(s[len(form):])
	return c, ok && c.zone(rest) && c.exists()
}

// fraction takes the digits of a second, if there are any. Those beyond nanoseconds
// are not kept.
func (c *clock) fraction(s string) (rest string, ok bool) {
	if s[0] != '.' {
		return s, true
	}
	i := 1
	for unit := 100_000_000; i < len(s) && isDigit(s[i]); i++ {
		c.nano += int(s[i]-'0') * unit
		unit /= 10
	}
	return s[i:], i > 1
}

// zone reads what ends a time.
func (c *clock) zone(s string) bool {
	if len(s) == 1 {
		return s[0]|0x20 == 'z'
	}
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' || !isDigit(s[1]) || !isDigit(s[2]) || !isDigit(s[4]) || !isDigit(s[5]) {
		return false
	}
	hours, minutes := twoDigits(s[1:]), twoDigits(s[4:])
	c.offset = 60*hours + minutes
	if s[0] == '-' {
		c.offset = -c.offset
	}
	return hours <= 23 && minutes <= 59
}

// exists tells whether there is such a day, and such a time on it. A minute has a
// 61st second only where UTC may have one (RFC 3339, section 5.7).
func (c *clock) exists() bool {
	if c.month < 1 || c.month > 12 || c.day < 1 || c.day > daysIn(c.year, c.month) || c.hour > 23 || c.minute > 59 {
		return false
	}
	utc := 60*c.hour + c.minute - c.offset
	return c.second <= 59 || c.second == 60 && (utc-(24*60-1))%(24*60) == 0
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// twoDigits reads the number that a text begins with.
func twoDigits(s string) int { return 10*int(s[0]-'0') + int(s[1]-'0') }
