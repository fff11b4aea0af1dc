// Package bench measures a Kafka-protocol broker from a client's side: how
// many records a second it takes and gives, what CPU that costs on both sides,
// and how long a record is under way. It is the logic of `evident bench`.
//
// A rate alone says little on a machine that is shared and noisy. So a run can
// carry its own references: the same client against a server that throws
// everything away ([RunDiscard]), and a plain program that appends to a file
// on the same disk. References and broker take turns for several rounds, and
// what is reported are medians and ratios of one run.
//
// It is no load test of a cluster: one process, one machine, franz-go as the
// client.
package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Target is the broker that is measured.
type Target struct {
	// Client are the options with which a client reaches the broker: seed
	// brokers, TLS, dialer. Required.
	Client []kgo.Opt
	// CPU reads the CPU time that the broker has used so far. Default (nil):
	// the broker's CPU is not reported. See [BrokerCPU].
	CPU CPUMeter
	// Progress, if not nil, is told now and then how far a run has come. It
	// is called from one goroutine at a time and must not block.
	Progress func(Progress)
}

// topic is the topic of a run. A topic that the run made is removed at its end.
type topic struct {
	name       string
	partitions int32
	made       bool
}

// openTopic finds the named topic or creates it with the given number of
// partitions, unless that is 0. Without a name it makes a topic that closeTopic
// removes.
func openTopic(ctx context.Context, opts []kgo.Opt, name string, partitions int32) (topic, error) {
	t := topic{name: name, partitions: partitions, made: name == ""}
	if t.made {
		t.name = "bench-" + randomName()
	}
	err := withAdmin(opts, func(adm *kadm.Client) error {
		there, err := adm.ListTopics(ctx, t.name)
		if err != nil {
			return err
		}
		if d, ok := there[t.name]; ok && d.Err == nil {
			t.partitions = int32(len(d.Partitions))
			return nil
		}
		if partitions == 0 {
			return fmt.Errorf("%w: there is no topic of that name", ErrConfig)
		}
		_, err = adm.CreateTopic(ctx, partitions, 1, nil, t.name)
		return err
	})
	if err != nil {
		return topic{}, fmt.Errorf("open topic %q: %w", t.name, err)
	}
	return t, nil
}

// closeTopic removes t if the run made it, also when ctx has ended already.
func closeTopic(ctx context.Context, opts []kgo.Opt, t topic) error {
	if !t.made {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := withAdmin(opts, func(adm *kadm.Client) error {
		_, err := adm.DeleteTopic(ctx, t.name)
		return err
	})
	if err != nil {
		return fmt.Errorf("remove topic %q: %w", t.name, err)
	}
	return nil
}

func withAdmin(opts []kgo.Opt, do func(*kadm.Client) error) error {
	adm, err := kadm.NewOptClient(opts...)
	if err != nil {
		return err
	}
	defer adm.Close()
	return do(adm)
}

func randomName() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand crashes the program instead
	return hex.EncodeToString(b[:])
}
