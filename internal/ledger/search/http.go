package search

import (
	"context"
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
	// Cut tells why this page ends before it has as many records as were asked for,
	// where a search took too much.
	Cut string `json:"cut,omitempty"`
	// Behind are partitions whose newest records cannot be found yet.
	Behind []Behind `json:"behind,omitempty"`
	// Elsewhere are partitions that other nodes of a shared ledger index; of their
	// newest records, or of all, nothing is in this answer.
	Elsewhere []Elsewhere `json:"elsewhere,omitempty"`
}

// Behind is a partition that could not be searched to its end.
type Behind struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Searched  int64  `json:"searched"` // up to, and without, this offset
	End       int64  `json:"end"`      // of the log
}

// Elsewhere are partitions of a topic that another node has.
type Elsewhere struct {
	Topic      string  `json:"topic"`
	Partitions []int32 `json:"partitions"`
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

func newFound(h *hit) Found {
	f := Found{
		Topic: h.Topic, Partition: h.Partition, Offset: h.Offset, Timestamp: h.record.Record.Timestamp,
		ID: string(h.event.ID), Source: string(h.event.Source), Type: string(h.event.Type), Correlation: string(h.event.CorrelationID),
	}
	if key := h.record.Record.Key; key != nil && utf8.Valid(key) {
		text := string(key)
		f.Key = &text
	} else {
		f.KeyB64 = key
	}
	return f
}

// size is about how many bytes it takes.
func (f *Found) size() int {
	n := 200 + len(f.KeyB64) + len(f.ID) + len(f.Source) + len(f.Type) + len(f.Correlation)
	if f.Key != nil {
		n += len(*f.Key)
	}
	return n
}

// ServeSearch answers GET /v1/search?… with an [Answer].
func (s *Searcher) ServeSearch(w http.ResponseWriter, r *http.Request) {
	v, err := Parameters(r)
	var q Query
	if err == nil {
		q, err = ParseQuery(v)
	}
	var a *Answer
	if err == nil {
		a, err = s.Find(r.Context(), q)
	}
	if err != nil {
		Refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(a) // a client that is gone needs no answer
}

// Refuse answers with an error of this package, and says when to come again if that
// may help.
func Refuse(w http.ResponseWriter, err error) {
	w.Header().Set("Cache-Control", "no-store")
	if errors.Is(err, ErrBusy) || errors.Is(err, ErrBehind) || errors.Is(err, ledger.ErrNotYet) {
		w.Header().Set("Retry-After", "1") // a round of the ledger
	}
	http.Error(w, err.Error(), status(err))
}

// status is the status for an error of this package; 500 for others.
func status(err error) int {
	switch {
	case errors.Is(err, ErrQuery):
		return http.StatusBadRequest
	case errors.Is(err, ErrNoTopic), errors.Is(err, ErrNoIndex), errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrTooMany):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrBusy), errors.Is(err, ErrBehind), errors.Is(err, ErrElsewhere), errors.Is(err, ledger.ErrNotYet):
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
