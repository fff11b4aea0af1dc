package node

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/evidentlog/evident/internal/ledger"
)

// Headers of an answer with salts: which tree they are of, and the offset that
// the first one is for.
const (
	originHeader = "Evident-Origin"
	firstHeader  = "Evident-First"
)

// serveSalts answers with salts of a partition's newest tree, 16 bytes each:
// with them and the records, which Kafka's protocol gives, an auditor makes the
// entries of the tree again.
func (p *provable) serveSalts(w http.ResponseWriter, r *http.Request) {
	from, count, err := saltsAsked(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	origin, err := p.Newest(r.PathValue("topic"), r.PathValue("partition"))
	var salts []byte
	if err == nil {
		salts, err = p.Salts(origin, from, count)
	}
	switch {
	case errors.Is(err, ledger.ErrNotYet):
		w.Header().Set("Retry-After", "1") // a round of the ledger
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case errors.Is(err, ledger.ErrNoTree):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Cache-Control", "no-store") // they may be erased at any time
		w.Header().Set(originHeader, origin)
		w.Header().Set(firstHeader, strconv.FormatInt(from, 10))
		_, _ = w.Write(salts) // a client that is gone needs no answer
	}
}

// saltsAsked reads the query: ?from=OFFSET&count=N, from 0 and as many as are
// given at once if it says nothing.
func saltsAsked(r *http.Request) (from int64, count int, err error) {
	q := r.URL.Query()
	count = ledger.MaxSalts
	if s := q.Get("from"); s != "" {
		if from, err = strconv.ParseInt(s, 10, 64); err != nil || from < 0 {
			return 0, 0, fmt.Errorf("from=%q is no offset", s)
		}
	}
	if s := q.Get("count"); s != "" {
		if count, err = strconv.Atoi(s); err != nil || count < 1 || count > ledger.MaxSalts {
			return 0, 0, fmt.Errorf("count=%q is no number from 1 to %d", s, ledger.MaxSalts)
		}
	}
	return from, count, nil
}
