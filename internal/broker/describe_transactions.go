package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func (b *Broker) describeTransactions(_ context.Context, _ *call, req *kmsg.DescribeTransactionsRequest) kmsg.Response {
	return b.transactions.DescribeTransactions(req)
}
