// Package progress draws how far long work has come, on a terminal. Whether
// there is a terminal is the caller's to know: without one it uses a nil
// [*Bar], which does nothing.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"
)

// interval is the time between two drawings: often enough to look alive.
const interval = 100 * time.Millisecond

// width is that of the bar itself, in characters.
const width = 24

// Bar is one line on a terminal that is drawn again and again. Its methods may
// be called concurrently, and on nil.
type Bar struct {
	w     io.Writer
	unit  string
	total int64 // 0: not known
	start time.Time
	done  atomic.Int64

	stop    chan struct{} // closed by Stop
	stopped chan struct{} // closed when the drawing goroutine has ended
}

// Start starts to draw work of total units on w; total is 0 if it is not known.
// Stop must be called.
func Start(w io.Writer, unit string, total int64) *Bar {
	b := &Bar{
		w: w, unit: unit, total: total, start: time.Now(),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	go b.run()
	return b
}

// Add says that n more units are done.
func (b *Bar) Add(n int64) {
	if b != nil {
		b.done.Add(n)
	}
}

// Stop removes the bar. It may be called once.
func (b *Bar) Stop() {
	if b == nil {
		return
	}
	close(b.stop)
	<-b.stopped
	fmt.Fprint(b.w, "\r\x1b[K")
}

func (b *Bar) run() {
	defer close(b.stopped)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			fmt.Fprint(b.w, "\r", line(b.done.Load(), b.total, time.Since(b.start), b.unit), "\x1b[K")
		case <-b.stop:
			return
		}
	}
}

// line is what stands on the terminal when done of total units took elapsed.
func line(done, total int64, elapsed time.Duration, unit string) string {
	rate := 0.0
	if elapsed > 0 {
		rate = float64(done) / elapsed.Seconds()
	}
	if total <= 0 {
		return fmt.Sprintf("%s %s  %s/s", Short(float64(done)), unit, Short(rate))
	}
	done = min(done, total)
	full := int(int64(width) * done / total)
	text := fmt.Sprintf("[%s%s] %3d%%  %s/%s %s  %s/s", strings.Repeat("=", full), strings.Repeat(" ", width-full),
		100*done/total, Short(float64(done)), Short(float64(total)), unit, Short(rate))
	if done > 0 && done < total {
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		text += "  " + left.Round(time.Second).String() + " left"
	}
	return text
}

// Short is n with three or four significant digits: 950, 12.3k, 4.56M.
func Short(n float64) string {
	for _, unit := range []string{"", "k", "M", "G"} {
		switch {
		case n < 999.5 && unit == "":
			return fmt.Sprintf("%.0f", n)
		case n < 9.995:
			return fmt.Sprintf("%.2f%s", n, unit)
		case n < 99.95:
			return fmt.Sprintf("%.1f%s", n, unit)
		case n < 999.5:
			return fmt.Sprintf("%.0f%s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.0fT", n)
}
