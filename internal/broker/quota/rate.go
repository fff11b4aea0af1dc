package quota

import "time"

// rate adds up what is used, window by window, and tells how much that is a
// second, as Kafka's client quotas do: over the windows kept, which count as n-1
// whole ones at least. A window begins with the first use after the one before it
// is full; it is dropped when it was last used n windows ago.
type rate struct {
	windows []window // a ring of n and one that may overlap what is kept
	current int
}

type window struct {
	start, last time.Time
	sum         float64
}

// windows is how a rate is measured.
type windows struct {
	n    int // quota.window.num
	size time.Duration
}

// kept is how long a use counts.
func (w windows) kept() time.Duration { return time.Duration(w.n) * w.size }

func (r *rate) add(w windows, amount float64, now time.Time) {
	if len(r.windows) == 0 {
		r.windows = append(r.windows, window{start: now, last: now})
	}
	if now.Sub(r.windows[r.current].start) >= w.size {
		r.current = (r.current + 1) % (w.n + 1)
		if r.current == len(r.windows) {
			r.windows = append(r.windows, window{})
		}
		r.windows[r.current] = window{start: now}
	}
	cur := &r.windows[r.current]
	cur.sum += amount
	cur.last = now
}

// measure returns what was used and over which time.
func (r *rate) measure(w windows, now time.Time) (sum float64, over time.Duration) {
	oldest := now
	for i := range r.windows {
		if now.Sub(r.windows[i].last) >= w.kept() {
			r.windows[i] = window{start: now, last: now}
		}
		sum += r.windows[i].sum
		if r.windows[i].start.Before(oldest) {
			oldest = r.windows[i].start
		}
	}
	over = now.Sub(oldest)
	if whole := int(over / w.size); whole < w.n-1 {
		over += time.Duration(w.n-1-whole) * w.size
	}
	return sum, max(over, time.Millisecond)
}

// excess is how long it takes, with nothing more used, until the rate is the limit
// a second; 0 if it is not above.
func (r *rate) excess(w windows, limit float64, now time.Time) time.Duration {
	sum, over := r.measure(w, now)
	return seconds(sum/limit - over.Seconds())
}

// idle tells if a new rate would be the same.
func (r *rate) idle(w windows, now time.Time) bool {
	return len(r.windows) == 0 || now.Sub(r.windows[r.current].last) >= w.kept()
}

// seconds is s as a duration: at least 0, and not more than there is.
func seconds(s float64) time.Duration {
	const most = float64(1<<63-1) / float64(time.Second)
	return time.Duration(min(max(s, 0), most/2) * float64(time.Second))
}
