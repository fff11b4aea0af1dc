package search

import (
	"encoding/json"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/evidentlog/evident/internal/ledger"
)

// An Answer is what a search answers with, as JSON.
type Answer struct {
	Records []Found `json:"records"`
	// Next is the cursor to go on with; there may be more, even if this page has
	// few records or none. Empty at the end.
	Next string `json:"next,omitempty"`
	// Behind are partitions whose newest records cannot be found yet.
	Behind []AnswerBehind `json:"behind,omitempty"`
}

// AnswerBehind is a partition that could not be searched to its end.
type AnswerBehind struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Searched  int64  `json:"searched"` // up to, and without, this offset
	End       int64  `json:"end"`      // of the log
}

// Found is where a record is, and what it was found by. A key that is not UTF-8
// text stands in the field with "_base64".
type Found struct {
	Topic       string  `json:"topic"`
	Partition   int32   `json:"partition"`
	Offset      int64   `json:"offset"`
	Timestamp   int64   `json:"timestamp"` // ms since the epoch
	Key         *string `json:"key"`
	KeyB64      []byte  `json:"key_base64,omitempty"`
	ID          string  `json:"id,omitempty"`
	Source      string  `json:"source,omitempty"`
	Type        string  `json:"type,omitempty"`
	Correlation string  `json:"correlation,omitempty"`
}

func newAnswer(p *Page) *Answer {
	a := &Answer{Records: []Found{}}
	for i := range p.Hits {
		a.Records = append(a.Records, newFound(&p.Hits[i]))
	}
	if p.Next != nil {
		a.Next = p.Next.String()
	}
	for _, b := range p.Behind {
		a.Behind = append(a.Behind, AnswerBehind(b))
	}
	return a
}

func newFound(h *Hit) Found {
	f := Found{
		Topic: h.Topic, Partition: h.Partition, Offset: h.Offset, Timestamp: h.Record.Record.Timestamp,
		ID: string(h.Event.ID), Source: string(h.Event.Source), Type: string(h.Event.Type), Correlation: string(h.Event.Correlation),
	}
	if key := h.Record.Record.Key; key != nil && utf8.Valid(key) {
		text := string(key)
		f.Key = &text
	} else {
		f.KeyB64 = key
	}
	return f
}

// ServeSearch answers GET /v1/search?… with an [Answer].
func (s *Searcher) ServeSearch(w http.ResponseWriter, r *http.Request) {
	q, err := ParseQuery(r.URL.Query())
	var page *Page
	if err == nil {
		page, err = s.Find(r.Context(), q)
	}
	if err != nil {
		http.Error(w, err.Error(), Status(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(newAnswer(page)) // a client that is gone needs no answer
}

// Status is the status for an error of this package; 500 for others.
func Status(err error) int {
	switch {
	case errors.Is(err, ErrQuery):
		return http.StatusBadRequest
	case errors.Is(err, ErrNoIndex), errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrTooMany):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrBehind), errors.Is(err, ledger.ErrNotYet):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
