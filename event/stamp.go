package event

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"
)

// A Stamper gives events the id, the source and the time that they lack. Its methods
// may be called by any goroutine.
type Stamper struct {
	source string
	now    func() time.Time

	mu struct {
		sync.Mutex
		random *bufio.Reader
		drawn  [8]byte // of random, for the next id
		last   uint64  // tick of the last id
	}
}

// NewStamper returns a stamper for events without a source. Now gives the time, and
// random what makes ids unique: crypto/rand's Reader does. The error is an
// [*AttributeError] of the source.
func NewStamper(source string, now func() time.Time, random io.Reader) (*Stamper, error) {
	if source == "" {
		return nil, &AttributeError{attrSource, "", "is missing"}
	}
	if err := fault(attrSource, source, referenceFault(source)); err != nil {
		return nil, err
	}
	s := &Stamper{source: source, now: now}
	s.mu.random = bufio.NewReader(random) // asked for 8 bytes at a time, and slow to ask
	return s, nil
}

// Stamp sets what is missing of id, source and time. An error says that there are no
// random numbers; the event has no id then.
func (s *Stamper) Stamp(e *Event) error {
	if e.ID != "" && e.Source != "" && e.Time != "" {
		return nil
	}
	now := s.now()
	if e.Source == "" {
		e.Source = s.source
	}
	if e.Time == "" {
		e.Time = At(now.UTC())
	}
	if e.ID != "" {
		return nil
	}
	id, err := s.id(now)
	e.ID = id
	return err
}

// NewID returns an id: a UUID of version 7 (RFC 9562, section 5.7), as text. A stamper's
// ids rise, also those of one moment and when the clock is set back.
func (s *Stamper) NewID() (string, error) { return s.id(s.now()) }

func (s *Stamper) id(now time.Time) (string, error) {
	tick, random, err := s.draw(now)
	if err != nil {
		return "", fmt.Errorf("no random numbers for an id: %w", err)
	}
	var b [16]byte
	copy(b[8:], random[:])
	ms, fraction := tick>>12, tick&0xfff
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6], b[7] = 0x70|byte(fraction>>8), byte(fraction)
	b[8] = 0x80 | b[8]&0x3f
	var text [36]byte
	hex.Encode(text[:8], b[:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:], b[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:]), nil
}

// draw returns the time in 4096ths of milliseconds (RFC 9562, section 6.2, method 3),
// or the one after the last, and random bytes.
func (s *Stamper) draw(now time.Time) (tick uint64, random [8]byte, err error) {
	ms := max(now.UnixMilli(), 0)
	fraction := uint64(now.Nanosecond()%1e6) << 12 / 1e6
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.ReadFull(s.mu.random, s.mu.drawn[:]); err != nil {
		return 0, random, err
	}
	s.mu.last = max(s.mu.last+1, uint64(ms)<<12|fraction)
	return s.mu.last, s.mu.drawn, nil
}
