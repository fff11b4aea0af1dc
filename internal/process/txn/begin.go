package txn

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

const (
	// Versions from which on partitions join by being written to, and the end of a
	// transaction raises the epoch (KIP-890).
	produceJoins, offsetsJoin, endRaises = 12, 5, 5
	// feature is the finalized feature that allows them (KIP-584), at this level.
	feature, featureLevel = "transaction.version", 2
)

// begin makes sure of an id and an epoch. A transaction that was open is aborted by
// getting new ones.
func (p *Producer) begin(ctx context.Context) error {
	if p.id >= 0 {
		return nil
	}
	if err := p.connect(ctx); err != nil {
		return fmt.Errorf("beginning as %q: %w", p.cfg.ID, err)
	}
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID = kmsg.StringPtr(p.cfg.ID)
	req.TransactionTimeoutMillis = int32(p.cfg.Timeout.Milliseconds())
	req.ProducerID, req.ProducerEpoch = -1, -1
	var resp *kmsg.InitProducerIDResponse
	err := p.untilFree(ctx, func() (err error) { // a transaction that was open ends first
		if resp, err = req.RequestWith(ctx, p.client); err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
	if err != nil {
		return fmt.Errorf("beginning as %q: %w", p.cfg.ID, err)
	}
	p.id, p.epoch, p.count, p.open = resp.ProducerID, resp.ProducerEpoch, 0, false
	clear(p.sequences)
	return nil
}

// connect makes the client. Which requests it may use depends on what the cluster has
// been told to do, which can change with time.
func (p *Producer) connect(ctx context.Context) error {
	if p.client == nil {
		if err := p.dial(false); err != nil {
			return err
		}
	}
	resp, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, p.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return err
	}
	if second := isSecond(resp); second != p.second {
		p.client.Close()
		return p.dial(second)
	}
	return nil
}

// isSecond tells whether the cluster does transactions of version 2.
func isSecond(r *kmsg.ApiVersionsResponse) bool {
	for _, f := range r.FinalizedFeatures {
		if f.Name == feature {
			return f.MaxVersionLevel >= featureLevel
		}
	}
	return false
}

// dial makes a client for transactions of version 2, or before.
func (p *Producer) dial(second bool) error {
	opts := []kgo.Opt{
		kgo.RetryBackoffFn(backoff),
		kgo.RequestRetries(10),
		kgo.RequiredAcks(kgo.AllISRAcks()),
	}
	if !second {
		first := kversion.Stable()
		first.SetMaxKeyVersion(int16(kmsg.Produce), produceJoins-1)
		first.SetMaxKeyVersion(int16(kmsg.TxnOffsetCommit), offsetsJoin-1)
		first.SetMaxKeyVersion(int16(kmsg.EndTxn), endRaises-1)
		// The epoch is the same for one transaction after the other. A request that is sent
		// again by itself, since its connection broke, may be done a second time later, when
		// the next transaction is open, and become part of that, or end it.
		opts = append(opts, kgo.MaxVersions(first), kgo.RequestRetries(0))
	}
	client, err := p.cfg.Client(opts...)
	if err != nil {
		return err
	}
	p.client, p.second = client, second
	return nil
}

// backoff waits little at first: what is in the way most often is the end of the
// transaction before (CONCURRENT_TRANSACTIONS), which takes a few milliseconds.
func backoff(failures int) time.Duration {
	return min(time.Millisecond<<min(failures, 20), longestBackoff)
}
