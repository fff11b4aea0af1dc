package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/proof"
)

// Proof is the proof of one order's record, and what became of it when one byte
// of the record was altered.
type Proof struct {
	Order    string   `json:"order"`
	Record   string   `json:"record"` // topic/partition@offset
	Bytes    int      `json:"bytes"`  // of the proof file
	SignedBy []string `json:"signedBy"`
	Refusal  string   `json:"refusal"` // of the altered file
}

// provePatience is how long a record may take until it is provable.
const provePatience = 15 * time.Second

// prove proves the first order, checks that as anybody could, and alters a byte.
func (c Cluster) prove(ctx context.Context, order string) (*Proof, error) {
	ctx, cancel := context.WithTimeout(ctx, provePatience)
	defer cancel()
	r, err := c.find(ctx, order)
	if err != nil {
		return nil, fmt.Errorf("order %s: %w", order, err)
	}
	f, err := c.Prove(ctx, r.Topic, r.Partition, r.Offset)
	if err != nil {
		return nil, fmt.Errorf("proof of order %s: %w", order, err)
	}
	text := f.String()
	trust := proof.Trust{Keys: c.ProofKeys}
	signedBy, err := verify(text, trust)
	if err != nil {
		return nil, fmt.Errorf("the proof of order %s does not hold: %w", order, err)
	}
	_, refused := verify(altered(f), trust)
	if refused == nil {
		return nil, fmt.Errorf("the proof of order %s holds although a byte of it was altered", order)
	}
	return &Proof{
		Order: order, Record: fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset),
		Bytes: len(text), SignedBy: signedBy, Refusal: refused.Error(),
	}, nil
}

// find returns the record of the event that placed, or cancelled, the order.
func (c Cluster) find(ctx context.Context, order string) (*kgo.Record, error) {
	client, err := kgo.NewClient(slices.Concat(c.Options, []kgo.Opt{
		kgo.ConsumeTopics(TopicOrders), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	})...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		for r := range fetches.RecordsAll() {
			if strings.Contains(string(r.Value), `"`+order+`"`) {
				return r, nil
			}
		}
	}
}

// verify checks a proof file with nothing but what is trusted.
func verify(text string, trust proof.Trust) (signedBy []string, err error) {
	f, err := proof.ParseFile(text)
	if err != nil {
		return nil, err
	}
	r, err := f.Verify(trust)
	if err != nil {
		return nil, err
	}
	return r.Heads[0].SignedBy, nil
}

// altered is a proof with one bit of its record changed, and a checksum that fits.
func altered(f *proof.File) string {
	opening := f.Heads[0].Records[0].Extra
	middle := len(opening) / 2
	opening[middle] ^= 1
	defer func() { opening[middle] ^= 1 }()
	return f.String()
}

func (r *Report) writeProof(b *strings.Builder) {
	if r.Proof == nil {
		return
	}
	heading(b, "Proof")
	fmt.Fprintf(b, "  order %s is the record %s: proven by a file of %s bytes, signed with %s,\n  checked without the node\n",
		r.Proof.Order, r.Proof.Record, count(r.Proof.Bytes), strings.Join(r.Proof.SignedBy, " and "))
	fmt.Fprintf(b, "  with one bit of it altered: %s\n", r.Proof.Refusal)
}
