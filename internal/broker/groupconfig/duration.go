package groupconfig

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"time"
)

// iso8601 is a duration as java.time.Duration reads it: days to seconds, the
// latter with a fraction. Negative ones are not allowed here.
var iso8601 = regexp.MustCompile(`(?i)^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{0,9})?)S)?)?$`)

var (
	errDuration = errors.New("must be an ISO 8601 duration of days to seconds, such as P1DT12H or PT30S")
	errTooLong  = errors.New("must be at most 292 years")
)

// parseDuration reads an ISO 8601 duration such as "P1DT2H30M1.5S".
func parseDuration(text string) (time.Duration, error) {
	m := iso8601.FindStringSubmatch(text)
	last := len(text) - 1
	if m == nil || text[last] == 'T' || text[last] == 't' || last == 0 {
		return 0, errDuration
	}
	var sum float64
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.ParseFloat(m[i+1], 64)
		if err != nil {
			return 0, errTooLong
		}
		sum += n * float64(unit)
	}
	if sum >= math.MaxInt64 {
		return 0, errTooLong
	}
	return time.Duration(sum), nil
}
