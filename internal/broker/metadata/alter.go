package metadata

import (
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/log"
)

// Delete removes topics and answers for each in order. A topic that is not
// there any more, or was replaced by another of its name, gives ErrUnknownTopic. It
// returns when all is durable.
func (s *Store) Delete(topics []*Topic) []error {
	errs := make([]error, len(topics))
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	s.names.lock(names...)
	defer s.names.unlock(names...)

	var tombstones []record
	seen := make(map[ID]bool, len(topics))
	for i, t := range topics {
		if s.current(t) == nil || seen[t.ID] {
			errs[i] = fmt.Errorf("%w: %q", ErrUnknownTopic, t.Name)
			continue
		}
		seen[t.ID] = true
		tombstones = append(tombstones, record{key: t.Name})
	}
	if err := s.partition.write(tombstones); err != nil {
		for i := range errs {
			if errs[i] == nil {
				errs[i] = err
			}
		}
		return errs
	}
	s.remove(topics, errs)
	return errs
}

// remove takes the topics without an error out of the snapshot, then off the disk.
func (s *Store) remove(topics []*Topic, errs []error) {
	var gone []*Topic
	for i, t := range topics {
		if errs[i] == nil {
			gone = append(gone, s.current(t))
		}
	}
	s.update(func(e *edit) {
		for _, t := range gone {
			e.remove(t)
		}
	})
	s.deletePartitions(0, gone...)
	for _, t := range gone {
		s.names.free(t.Name)
	}
}

// current is t as it is now, or nil if it is gone.
func (s *Store) current(t *Topic) *Topic { return s.Snapshot().TopicByID(t.ID) }

// AddPartitions raises the named topic's partitions to count. With
// validateOnly it only tells what would happen.
func (s *Store) AddPartitions(name string, count int, validateOnly bool) error {
	s.names.lock(name)
	defer s.names.unlock(name)
	t := s.Snapshot().Topic(name)
	if t == nil {
		return fmt.Errorf("%w: %q", ErrUnknownTopic, name)
	}
	have := len(t.Partitions)
	if count <= have {
		return fmt.Errorf("%w: topic %s has %d partitions, which %d does not raise", ErrInvalidPartitions, name, have, count)
	}
	if err := CheckCount(count); err != nil || validateOnly {
		return err
	}
	settings, err := topicconfig.Settings(t.Configs, s.cfg.TopicDefaults)
	if err != nil {
		return err
	}
	grown := t.with(slices.Concat(t.Partitions, make([]*log.Partition, count-have)), t.Configs)
	var g errgroup.Group
	g.SetLimit(parallel)
	s.openPartitions(&g, grown, have, settings)
	if err = g.Wait(); err == nil {
		err = s.replace(grown)
	}
	if err != nil {
		s.deletePartitions(have, grown)
	}
	return err
}

// Configure replaces the named topic's own properties by what change makes of
// a copy of them, and applies them at once. With validateOnly it only tells what would
// happen. An error of change is returned as it is.
func (s *Store) Configure(name string, validateOnly bool, change func(map[string]string) (map[string]string, error)) error {
	s.names.lock(name)
	defer s.names.unlock(name)
	t := s.Snapshot().Topic(name)
	if t == nil {
		return fmt.Errorf("%w: %q", ErrUnknownTopic, name)
	}
	have := maps.Clone(t.Configs)
	if have == nil {
		have = make(map[string]string)
	}
	configs, err := change(have)
	if err != nil {
		return err
	}
	settings, err := topicconfig.Settings(configs, s.cfg.TopicDefaults)
	if err != nil || validateOnly || maps.Equal(configs, t.Configs) {
		return err
	}
	if err := s.replace(t.with(t.Partitions, configs)); err != nil {
		return err
	}
	for _, p := range t.Partitions {
		p.SetSettings(settings)
	}
	return nil
}

// replace writes a topic's new state and publishes it.
func (s *Store) replace(t *Topic) error {
	r, err := topicRecord(t)
	if err != nil {
		return err
	}
	if err := s.partition.write([]record{r}); err != nil {
		return err
	}
	s.update(func(e *edit) { e.put(t) })
	return nil
}
