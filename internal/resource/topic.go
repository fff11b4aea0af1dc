package resource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// retryAfter is how long the cluster rests after an error.
	retryAfter = 500 * time.Millisecond
	// lookEvery is how often the topic is looked for until there is one.
	lookEvery = time.Second
)

// settings are those of the topic: nothing in it ever goes.
func settings() map[string]*string {
	text := func(s string) *string { return &s }
	return map[string]*string{
		"cleanup.policy": text("delete"), "retention.ms": text("-1"), "retention.bytes": text("-1"),
	}
}

// awaitTopic waits until there is a topic: another node has made it, or this one
// does, since somebody wants to declare something. It is false if ctx ends first.
func (s *Service) awaitTopic(ctx context.Context, client *kgo.Client) bool {
	told, wanted := "", s.wanted.c
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		there, err := s.findTopic(ctx, client, wanted == nil)
		switch {
		case there:
			return true
		case err == nil, errors.Is(err, kerr.TopicAuthorizationFailed):
			s.read.give() // there is nothing, or nothing that this node may know of
		}
		if err != nil && ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			s.cfg.Logger.Warn("the topic of what is declared cannot be reached, and is tried again", "topic", Topic, "error", err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-wanted:
			wanted = nil
		case <-tick.C:
		}
	}
}

// findTopic tells whether the topic is there, and can make it.
func (s *Service) findTopic(ctx context.Context, client *kgo.Client, create bool) (bool, error) {
	if create {
		_, err := kadm.NewClient(client).CreateTopic(ctx, 1, s.cfg.ReplicationFactor, settings(), Topic)
		if errors.Is(err, kerr.TopicAlreadyExists) {
			err = nil
		}
		return err == nil, err
	}
	t, err := describe(ctx, client)
	if err != nil {
		return false, err
	}
	err = kerr.ErrorForCode(t.ErrorCode)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return false, nil
	}
	return err == nil, err
}

// describe asks for the topic by itself, which makes none.
func describe(ctx context.Context, client *kgo.Client) (*kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(Topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 {
		return nil, fmt.Errorf("asked for topic %s, the cluster told of %d", Topic, len(resp.Topics))
	}
	return &resp.Topics[0], nil
}

// errForgets says that the topic would lose what was declared.
var errForgets = errors.New("the topic of what is declared must keep everything")

func checkTopic(ctx context.Context, admin *kadm.Client) error {
	all, err := admin.DescribeTopicConfigs(ctx, Topic)
	if err != nil {
		return err
	}
	found, err := all.On(Topic, nil)
	if err != nil {
		return err
	}
	if found.Err != nil {
		return found.Err
	}
	want := settings()
	for _, c := range found.Configs {
		if w := want[c.Key]; w != nil && c.MaybeValue() != *w {
			return fmt.Errorf("%w: %s has %s=%s; set it to %s (evident topic alter, kafka-configs)", errForgets, Topic, c.Key, c.MaybeValue(), *w)
		}
	}
	return nil
}

func rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(retryAfter):
	}
}
