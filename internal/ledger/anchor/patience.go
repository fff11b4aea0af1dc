package anchor

import "time"

const (
	// againAfter is after how long what failed is tried again, doubled each time,
	// up to latestAgain.
	againAfter  = 10 * time.Second
	latestAgain = time.Hour
)

// A Patience puts off what fails, later and later. The zero value has not failed.
type Patience struct {
	failures int // one after another
	wait     time.Duration
	next     time.Time
}

// Ready tells whether it is time. A clock that was set back holds nothing up for
// longer than was to be waited.
func (p *Patience) Ready(now time.Time) bool {
	left := p.next.Sub(now)
	return left <= 0 || left > p.wait
}

// Failed puts it off, for longer each time, and for most at most.
func (p *Patience) Failed(now time.Time, most time.Duration) {
	wait := min(againAfter<<min(p.failures, 20), most, latestAgain)
	p.failures++
	p.rest(now, wait)
}

// Succeeded forgets failures.
func (p *Patience) Succeeded() { *p = Patience{} }

func (p *Patience) rest(now time.Time, wait time.Duration) {
	p.wait, p.next = wait, now.Add(wait)
}
