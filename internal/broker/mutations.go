package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/quota"
)

// never is above all versions.
const never = 1<<15 - 1

// mutations counts the partitions that one request makes and deletes (KIP-599).
type mutations struct {
	call   *call
	strict bool // refuse what is too much, instead of only waiting for it
	wait   time.Duration
}

// mutations begins to count. Requests from version strictSince on can be told that
// it is too much.
func (c *call) mutations(strictSince int16) *mutations {
	return &mutations{call: c, strict: c.version >= strictSince}
}

// take counts partitions, or returns why it is too much.
func (m *mutations) take(partitions int) error {
	client, ok := m.call.quotaClient(quota.MutationRate)
	if !ok {
		return nil
	}
	wait, ok := m.call.conn.broker.meter.Take(quota.MutationRate, client, float64(partitions), m.strict, time.Now())
	m.wait = max(m.wait, wait)
	if !ok {
		return refuse(kerr.ThrottlingQuotaExceeded, "the client's quota of partitions made and deleted is used up for %v", wait.Round(time.Millisecond))
	}
	return nil
}

// mute lets the connection rest if anything was too much, and returns how long in
// milliseconds.
func (m *mutations) mute() int32 { return m.call.mute(quota.MutationRate, m.wait) }
