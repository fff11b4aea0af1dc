package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func (b *Broker) listTransactions(_ context.Context, _ *call, req *kmsg.ListTransactionsRequest) kmsg.Response {
	return b.transactions.ListTransactions(req)
}
