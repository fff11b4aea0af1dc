package txn

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestListTransactionsFilters(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.init("orders-1")
		old := h.init("orders-2")
		h.join("orders-2", old, a0)
		pass(time.Minute / 2)
		p := h.init("payments")
		h.join("payments", p, a0)
		list := func(change func(*kmsg.ListTransactionsRequest)) []string {
			req := kmsg.NewPtrListTransactionsRequest()
			req.Version = 2
			change(req)
			r := h.ListTransactions(req)
			h.wantCode("ListTransactions", r.ErrorCode, nil)
			ids := slices.Clone(r.UnknownStateFilters)
			for _, s := range r.TransactionStates {
				ids = append(ids, s.TransactionalID+" "+s.TransactionState)
			}
			return ids
		}
		for name, tc := range map[string]struct {
			change func(*kmsg.ListTransactionsRequest)
			want   []string
		}{
			"all": {func(*kmsg.ListTransactionsRequest) {}, []string{"orders-1 Empty", "orders-2 Ongoing", "payments Ongoing"}},
			"by state": {func(r *kmsg.ListTransactionsRequest) { r.StateFilters = []string{"Ongoing", "Going"} },
				[]string{"Going", "orders-2 Ongoing", "payments Ongoing"}},
			"by a state that there is not": {func(r *kmsg.ListTransactionsRequest) { r.StateFilters = []string{"Going"} }, []string{"Going"}},
			"by producer":                  {func(r *kmsg.ListTransactionsRequest) { r.ProducerIDFilters = []int64{p.ID} }, []string{"payments Ongoing"}},
			"by duration": {func(r *kmsg.ListTransactionsRequest) {
				r.DurationFilterMillis, r.StateFilters = 20_000, []string{"Ongoing"}
			},
				[]string{"orders-2 Ongoing"}},
			"by pattern":        {func(r *kmsg.ListTransactionsRequest) { r.TransactionalIDPattern = ptr("orders-.") }, []string{"orders-1 Empty", "orders-2 Ongoing"}},
			"by part of a name": {func(r *kmsg.ListTransactionsRequest) { r.TransactionalIDPattern = ptr("orders") }, nil},
			"by an empty pattern": {func(r *kmsg.ListTransactionsRequest) {
				r.TransactionalIDPattern, r.ProducerIDFilters = ptr(""), []int64{old.ID}
			}, []string{"orders-2 Ongoing"}},
		} {
			if got := list(tc.change); !slices.Equal(got, tc.want) {
				h.t.Errorf("%s: %q, want %q", name, got, tc.want)
			}
		}
		for _, bad := range []string{"(", "a)|(b", strings.Repeat("(x{100}){10}", 20)} {
			req := kmsg.NewPtrListTransactionsRequest()
			req.TransactionalIDPattern = &bad
			h.wantCode("a bad pattern", h.ListTransactions(req).ErrorCode, kerr.InvalidRegularExpression)
		}
	})
}
