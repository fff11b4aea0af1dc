package history

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// timerSpan is the longest that timers of random work wait, in milliseconds.
const timerSpan = 300

// RandomWork is the value of a record that orders something: mostly to count, now and
// then each of the other things that a [Recorder] can do.
func RandomWork(rng *rand.Rand) []byte {
	w := Work{Outputs: rng.IntN(3), Scan: rng.IntN(16) == 0}
	if rng.IntN(4) == 0 {
		w.Timer, w.In, w.Event = timerName(rng), rng.Int64N(timerSpan), rng.IntN(3) == 0
	}
	if rng.IntN(12) == 0 {
		w.Stop = timerName(rng)
	}
	switch rng.IntN(40) {
	case 0:
		w.Fail = 1 + rng.IntN(2)
	case 1:
		w.Fail, w.Panic = 1, true
	case 2:
		w.Poison = true
	}
	value, err := json.Marshal(w)
	if err != nil {
		panic(fmt.Sprintf("work %+v cannot be written: %v", w, err)) // it has neither functions nor cycles
	}
	return value
}

// timerName is one of few names, so that timers are moved and taken back.
func timerName(rng *rand.Rand) string { return string(rune('a' + rng.IntN(3))) }
