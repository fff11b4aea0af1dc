package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	// foreignGroup is that of the leaders of Confluent's registry, and of Karapace.
	foreignGroup = "schema-registry"

	cleanupPolicy = "cleanup.policy"
	compact       = "compact"
)

// awaitTopic waits until there is a topic, and returns its id: another node, or another
// registry, has made it, or this one does, since somebody wants to register something.
// It is false if ctx ends first.
func (r *Registry) awaitTopic(ctx context.Context, client *kgo.Client) (id [16]byte, ok bool) {
	told, wanted := "", r.wanted.wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		id, err := r.findTopic(ctx, client, wanted == nil)
		switch {
		case err == nil:
			return id, true
		case errors.Is(err, errNoTopic):
			r.show(newReading(id)) // there is nothing
		case ctx.Err() == nil && err.Error() != told:
			told = err.Error()
			r.setTrouble(err)
			r.cfg.Logger.Warn("the topic of schemas cannot be reached, and is tried again", "topic", Topic, "error", err)
		}
		select {
		case <-ctx.Done():
			return id, false
		case <-wanted:
			wanted = nil
		case <-tick.C:
		}
	}
}

// errNoTopic says that the cluster has no topic of schemas.
var errNoTopic = errors.New("there is no topic of schemas")

// findTopic returns the id of the topic, and can make it. The error is [errNoTopic] if
// it was not to, and there is none.
func (r *Registry) findTopic(ctx context.Context, client *kgo.Client, create bool) (id [16]byte, err error) {
	if create {
		policy := compact
		_, err := kadm.NewClient(client).CreateTopic(ctx, 1, r.cfg.ReplicationFactor, map[string]*string{cleanupPolicy: &policy}, Topic)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return id, err
		}
	}
	t, err := describe(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(t.ErrorCode)
	}
	switch {
	case err == nil:
		return t.TopicID, nil
	case errors.Is(err, kerr.UnknownTopicOrPartition) && !create:
		return id, errNoTopic
	}
	return id, err // a topic that was just made may not be known everywhere
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

// Reasons not to write the topic.
var (
	errForgets = errors.New("the topic of schemas must be compacted, and nothing else, or schemas are lost")
	errTwofold = errors.New("the topic of schemas must have one partition")
	errOther   = errors.New("another schema registry writes the topic")
)

// checkTopic refuses to write a topic that would lose schemas or their order, or that
// another registry writes.
func checkTopic(ctx context.Context, client *kgo.Client) error {
	admin := kadm.NewClient(client)
	t, err := describe(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(t.ErrorCode)
	}
	if err != nil {
		return err
	}
	if len(t.Partitions) != 1 {
		return fmt.Errorf("%w: %s has %d; move it away, and let the registry make it", errTwofold, Topic, len(t.Partitions))
	}
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
	for _, c := range found.Configs {
		if c.Key == cleanupPolicy && c.MaybeValue() != compact {
			return fmt.Errorf("%w: %s has %s=%s; set it to %s (evident topic alter, kafka-configs)", errForgets, Topic, cleanupPolicy, c.MaybeValue(), compact)
		}
	}
	return checkAlone(ctx, admin)
}

// checkAlone refuses to write beside another registry's leader.
func checkAlone(ctx context.Context, admin *kadm.Client) error {
	groups, err := admin.DescribeGroups(ctx, foreignGroup)
	if err != nil {
		return err
	}
	g := groups[foreignGroup]
	if errors.Is(g.Err, kerr.GroupAuthorizationFailed) || len(g.Members) == 0 {
		return nil
	}
	var hosts []string
	for _, m := range g.Members {
		hosts = append(hosts, fmt.Sprintf("%s at %s", m.ClientID, m.ClientHost))
	}
	return fmt.Errorf("%w: the group %q has members (%s); stop it first, two that do not know of one another give ids twice", errOther, foreignGroup, strings.Join(hosts, ", "))
}

func rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(retryAfter):
	}
}
