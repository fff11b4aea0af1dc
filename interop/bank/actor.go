package bank

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// role is what an actor is told when it starts.
type role struct {
	Brokers []string
	// Topic has one partition.
	Topic   string
	TopicID [16]byte
	// TransactionalID is whose transactions it carries out, TransactionTimeout how
	// long each may take; "": none.
	TransactionalID    string
	TransactionTimeout time.Duration
	// Old makes it speak the first version of transactions, before KIP-890.
	Old bool
	// Group is what it may join, by KIP-848 if Consumer is set, under the static
	// id Instance, if it is not "".
	Group, Instance string
	Consumer        bool
}

// actor is a client that does what it is told, each thing once, and remembers
// what the broker told it. It is no library that would notice that the world has
// moved on while it slept: it is the zombie that fencing is about.
type actor struct {
	role   role
	client *kgo.Client
	member member // nil before join
	lives  bool   // whether it sends heartbeats
}

// act runs an actor on one line of JSON, its role, and then lines with a verb
// and its arguments. It answers each with a line: a number, an error's name by
// Kafka, or "ok".
func act(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		return errors.Join(errors.New("no role was given"), lines.Err())
	}
	a := new(actor)
	if err := json.Unmarshal(lines.Bytes(), &a.role); err != nil {
		return err
	}
	opts := []kgo.Opt{kgo.SeedBrokers(a.role.Brokers...), kgo.DefaultProduceTopic(a.role.Topic), kgo.ProducerLinger(0)}
	if a.role.TransactionalID != "" {
		opts = append(opts, kgo.TransactionalID(a.role.TransactionalID), kgo.TransactionTimeout(a.role.TransactionTimeout))
	}
	if a.role.Old {
		opts = append(opts, kgo.MaxVersions(kversion.V3_9_0()))
	}
	var err error
	if a.client, err = kgo.NewClient(opts...); err != nil {
		return err
	}
	defer a.client.Close()
	return a.obey(ctx, lines, out)
}

// obey answers line by line, and sends heartbeats in between.
func (a *actor) obey(ctx context.Context, lines *bufio.Scanner, out io.Writer) error {
	orders := make(chan string)
	go func() { // ends with the input, as the process does
		defer close(orders)
		for lines.Scan() {
			orders <- lines.Text()
		}
	}()
	beat := time.NewTicker(pulse)
	defer beat.Stop()
	for {
		select {
		case line, more := <-orders:
			if !more {
				return lines.Err()
			}
			if _, err := fmt.Fprintln(out, a.answer(ctx, strings.Fields(line))); err != nil {
				return err
			}
		case <-beat.C:
			if a.lives {
				a.lives = a.member.heartbeat(ctx) == nil
			}
		}
	}
}

// answer does one thing.
func (a *actor) answer(ctx context.Context, words []string) string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	verb, argument := words[0], strings.Join(words[1:], " ")
	var err error
	switch verb {
	case "begin":
		err = a.client.BeginTransaction()
	case "produce":
		err = a.client.ProduceSync(ctx, kgo.StringRecord(argument)).FirstErr()
	case "end":
		err = a.client.EndTransaction(ctx, argument == "commit")
	case "send-offset":
		err = withOffset(ctx, argument, a.sendOffset)
	case "join":
		err = a.join(ctx)
	case "heartbeat":
		err = a.member.heartbeat(ctx)
	case "commit-offset":
		err = withOffset(ctx, argument, a.commitOffset)
	case "leave":
		err = a.member.leave(ctx)
	default:
		err = fmt.Errorf("%q is not a verb", verb)
	}
	return spoken(err)
}

func withOffset(ctx context.Context, text string, do func(context.Context, int64) error) error {
	offset, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return err
	}
	return do(ctx, offset)
}

// spoken is an error in one line: Kafka's name for it where it has one.
func spoken(err error) string {
	if err == nil {
		return "ok"
	}
	if known, ok := errors.AsType[*kerr.Error](err); ok {
		return known.Message
	}
	return strings.ReplaceAll(err.Error(), "\n", " ")
}

// patience is how long anything may take.
const patience = time.Minute
