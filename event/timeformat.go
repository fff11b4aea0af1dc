package event

import (
	"strconv"
	"strings"
	"time"
)

// A TimeFormat is how an envelope of others writes times.
type TimeFormat string

// The formats. All but the first count from 1970 in UTC, without leap seconds.
const (
	RFC3339     TimeFormat = "rfc3339"
	UnixSeconds TimeFormat = "unix"    // seconds, with a fraction or without
	UnixMillis  TimeFormat = "unix-ms" // milliseconds
	UnixMicros  TimeFormat = "unix-us" // microseconds
)

const timeFormats = string(RFC3339 + ", " + UnixSeconds + ", " + UnixMillis + " or " + UnixMicros)

func (f TimeFormat) known() bool {
	switch f {
	case "", RFC3339, UnixSeconds, UnixMillis, UnixMicros:
		return true
	}
	return false
}

// read returns a time as attributes have it, or says what is wrong with it.
func (f TimeFormat) read(s string) (text, reason string) {
	if f == "" || f == RFC3339 {
		return s, timeFault(s)
	}
	whole, fraction := s, ""
	if f == UnixSeconds {
		whole, fraction, _ = strings.Cut(s, ".")
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	nanos, ok := nanosOf(fraction)
	if err != nil || !ok || whole[0] == '+' {
		return s, "is no time as " + string(f) + " writes it"
	}
	if whole[0] == '-' {
		nanos = -nanos
	}
	var at time.Time
	switch f {
	case UnixMillis:
		at = time.UnixMilli(n)
	case UnixMicros:
		at = time.UnixMicro(n)
	default:
		at = time.Unix(n, nanos)
	}
	if at = at.UTC(); at.Year() < 0 || at.Year() > 9999 {
		return s, "is a time, as " + string(f) + " writes it, outside the years 0 to 9999: is it in another unit?"
	}
	return string(At(at)), ""
}

// nanosOf reads the digits after the point; those beyond nanoseconds are dropped.
func nanosOf(digits string) (n int64, ok bool) {
	for i := range 9 {
		n *= 10
		if i < len(digits) {
			n += int64(digits[i]) - '0'
		}
	}
	return n, strings.Trim(digits, "0123456789") == ""
}
