package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// Capabilities are what the cluster can do, as it answered last. Before it has
// answered once it is asked.
func (e *Engine) Capabilities(ctx context.Context) (Capabilities, error) {
	e.mu.Lock()
	known := e.mu.probed
	e.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	client, err := e.own()
	if err != nil {
		return Capabilities{}, err
	}
	return e.probe(ctx, client)
}

// probe asks the cluster and remembers the answer.
func (e *Engine) probe(ctx context.Context, client *kgo.Client) (Capabilities, error) {
	c, err := probe(ctx, client)
	if err != nil {
		return c, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.probed = &c
	return c, nil
}

// probe asks every broker that can be reached what it can do.
func probe(ctx context.Context, client *kgo.Client) (Capabilities, error) {
	if err := client.Ping(ctx); err != nil { // it does not try again, so its error is the real one
		return Capabilities{}, err
	}
	answers, err := kadm.NewClient(client).ApiVersions(ctx)
	if err != nil {
		return Capabilities{}, err
	}
	var (
		c     Capabilities
		epoch int64
		errs  []error
	)
	for _, a := range answers.Sorted() {
		if a.Err != nil {
			errs = append(errs, fmt.Errorf("broker %d: %w", a.NodeID, a.Err))
			continue
		}
		c.add(a.Raw(), &epoch)
	}
	if c.Brokers > 0 {
		return c, nil
	}
	return c, errors.Join(append(errs, errNobody)...)
}

var errNobody = errors.New("no broker said what it can do")

// add takes in what one more broker answers. Brokers of different versions can
// do what all of them can; of their finalized features those of the latest
// epoch count, which epoch keeps.
func (c *Capabilities) add(r *kmsg.ApiVersionsResponse, epoch *int64) {
	keys := make(map[kmsg.Key]int16, len(r.ApiKeys))
	for _, k := range r.ApiKeys {
		keys[kmsg.Key(k.ApiKey)] = k.MaxVersion
	}
	if c.Brokers++; c.Brokers == 1 {
		c.keys = keys
		c.Version = kversion.FromApiVersionsResponse(r).VersionGuess()
	}
	maps.DeleteFunc(c.keys, func(k kmsg.Key, _ int16) bool { _, both := keys[k]; return !both })
	for k := range c.keys {
		c.keys[k] = min(c.keys[k], keys[k])
	}
	if c.finalized != nil && r.FinalizedFeaturesEpoch <= *epoch {
		return
	}
	*epoch, c.finalized = r.FinalizedFeaturesEpoch, make(map[string]int16, len(r.FinalizedFeatures))
	for _, f := range r.FinalizedFeatures {
		c.finalized[f.Name] = f.MaxVersionLevel
	}
}
