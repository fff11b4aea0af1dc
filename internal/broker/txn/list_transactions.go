package txn

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// ListTransactions answers ListTransactions (versions 0 to 2; filters by duration
// from 1, KIP-994, by a pattern of the transactional id from 2, KIP-1152), in the
// order of the ids.
func (c *Coordinator) ListTransactions(req *kmsg.ListTransactionsRequest) *kmsg.ListTransactionsResponse {
	resp := req.ResponseKind().(*kmsg.ListTransactionsResponse)
	f, err := newFilter(req)
	if err == nil {
		err = c.topic.CheckAll()
	}
	if err != nil {
		resp.ErrorCode = err.Code
		return resp
	}
	resp.UnknownStateFilters = f.unknown
	for _, e := range c.entries() {
		if v := e.value.Load(); f.picks(e.id, v) {
			s := kmsg.NewListTransactionsResponseTransactionState()
			s.TransactionalID, s.ProducerID, s.TransactionState = e.id, v.Producer.ID, v.State.String()
			resp.TransactionStates = append(resp.TransactionStates, s)
		}
	}
	slices.SortFunc(resp.TransactionStates, func(a, b kmsg.ListTransactionsResponseTransactionState) int {
		return strings.Compare(a.TransactionalID, b.TransactionalID)
	})
	return resp
}

// filter is what a ListTransactions asks for.
type filter struct {
	req       *kmsg.ListTransactionsRequest
	producers map[int64]bool
	states    map[transaction.State]bool
	unknown   []string       // names of states that there are not
	pattern   *regexp.Regexp // nil: all ids
	now       int64
}

func newFilter(req *kmsg.ListTransactionsRequest) (*filter, *kerr.Error) {
	f := &filter{req: req, producers: map[int64]bool{}, states: map[transaction.State]bool{}, now: time.Now().UnixMilli()}
	for _, id := range req.ProducerIDFilters {
		f.producers[id] = true
	}
	for _, name := range req.StateFilters {
		if s, ok := transaction.StateNamed(name); ok {
			f.states[s] = true
		} else {
			f.unknown = append(f.unknown, name)
		}
	}
	if req.TransactionalIDPattern == nil || *req.TransactionalIDPattern == "" {
		return f, nil
	}
	pattern, err := compilePattern(*req.TransactionalIDPattern)
	if err != nil {
		return nil, kerr.InvalidRegularExpression
	}
	f.pattern = pattern
	return f, nil
}

// maxInstructions bounds what it costs to match one id with a pattern.
const maxInstructions = 10_000

var errComplex = errors.New("pattern is too complex")

// compilePattern compiles a pattern that the whole id must match, as Kafka's RE2/J
// does.
func compilePattern(expr string) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(expr, syntax.Perl) // alone, for it must not close the group around it
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	if len(prog.Inst) > maxInstructions {
		return nil, errComplex
	}
	return regexp.Compile(`\A(?:` + expr + `)\z`)
}

// picks applies the filters; one that is empty picks everything.
func (f *filter) picks(id string, v *transaction.Value) bool {
	switch {
	case len(f.producers) > 0 && !f.producers[v.Producer.ID]:
		return false
	case len(f.req.StateFilters) > 0 && !f.states[v.State]:
		return false
	case f.req.DurationFilterMillis >= 0 && f.now-v.Started <= f.req.DurationFilterMillis:
		return false
	}
	return f.pattern == nil || f.pattern.MatchString(id)
}
