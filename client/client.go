package client

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// A Client is a connection to a cluster. Its methods may be called by any goroutine.
type Client struct {
	cfg     config
	brokers []string
	stamper *event.Stamper
	kafka   *kgo.Client // what producers and requests share; consumers have their own
	out     *writer     // to kafka
	admin   *kadm.Client
}

// Connect makes a client of the cluster that the brokers ("host:port") belong to, and
// asks once whether one of them answers. Brokers may be nil if [WithKafka] says them.
// The error of brokers that do not answer is a [*ConnectError]; that of a wrong source
// wraps [event.ErrInvalid].
func Connect(ctx context.Context, brokers []string, opts ...Option) (*Client, error) {
	c := &Client{cfg: newConfig(brokers, opts), brokers: slices.Clone(brokers)}
	var err error
	if c.stamper, err = event.NewStamper(c.cfg.source, c.cfg.now, c.cfg.random); err != nil {
		return nil, fmt.Errorf("WithSource: %w", err)
	}
	if c.kafka, err = c.client(); err != nil {
		return nil, err
	}
	if err := c.kafka.Ping(ctx); err != nil {
		c.kafka.Close()
		return nil, &ConnectError{Brokers: c.brokers, Err: err}
	}
	c.out = &writer{kafka: c.kafka}
	c.admin = kadm.NewClient(c.kafka)
	return c, nil
}

// client makes a franz-go client with the options of all, and these.
func (c *Client) client(opts ...kgo.Opt) (*kgo.Client, error) {
	k, err := kgo.NewClient(append(slices.Clone(c.cfg.kafka), opts...)...)
	if err != nil {
		return nil, fmt.Errorf("options of the Kafka client: %w", err)
	}
	return k, nil
}

// Close ends the connections, when what was produced has been written or failed.
// Consumers, tables and requesters have to be stopped before.
func (c *Client) Close() { c.kafka.Close() }

// Kafka is franz-go's client for what this package has no words for: administration,
// and records that are no events.
func (c *Client) Kafka() *kgo.Client { return c.kafka }

// A ConnectError says that no broker answers.
type ConnectError struct {
	Brokers []string
	Err     error
}

func (e *ConnectError) Error() string {
	where := strings.Join(e.Brokers, ", ")
	if where == "" {
		where = "the brokers of WithKafka"
	}
	return fmt.Sprintf("no answer from %s (is the address right, and is TLS or a login needed?): %v", where, e.Err)
}

// Unwrap returns why.
func (e *ConnectError) Unwrap() error { return e.Err }
