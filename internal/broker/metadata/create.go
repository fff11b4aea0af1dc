package metadata

import (
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/log"
)

// Spec describes a topic to create.
type Spec struct {
	Name       string
	Partitions int
	Configs    map[string]string
}

// Created is what became of a Spec: a topic, or why there is none.
type Created struct {
	Topic *Topic // with validateOnly: as it would be, without partitions opened
	Err   error
}

// creation is a Spec on its way.
type creation struct {
	topic    *Topic
	settings log.Settings
	result   *Created
}

// Create makes topics and answers for each in order; names must be distinct. With
// validateOnly it only tells what would happen. It returns when all is durable.
func (s *Store) Create(specs []Spec, validateOnly bool) []Created {
	results := make([]Created, len(specs))
	names := make([]string, len(specs))
	for i, spec := range specs {
		names[i] = spec.Name
	}
	s.names.lock(names...)
	defer s.names.unlock(names...)

	var valid []*creation
	for i, spec := range specs {
		if c := s.plan(spec, &results[i]); c.result.Err == nil {
			valid = append(valid, c)
		}
	}
	if validateOnly || len(valid) == 0 {
		s.abandon(valid)
		return results
	}
	s.create(valid)
	return results
}

// plan checks a spec and reserves its name.
func (s *Store) plan(spec Spec, result *Created) *creation {
	c := &creation{result: result}
	if c.settings, result.Err = s.check(spec); result.Err != nil {
		return c
	}
	switch holder := s.names.take(spec.Name); holder {
	case "":
	case spec.Name:
		result.Err = fmt.Errorf("%w: %q", ErrExists, spec.Name)
		return c
	default:
		result.Err = fmt.Errorf("%w: %q collides with %q, which differs in '.' and '_' only", ErrInvalidName, spec.Name, holder)
		return c
	}
	c.topic = &Topic{Name: spec.Name, ID: newID(), Partitions: make([]*log.Partition, spec.Partitions), Configs: spec.Configs}
	result.Topic = c.topic
	return c
}

func (s *Store) check(spec Spec) (log.Settings, error) {
	if err := CheckName(spec.Name); err != nil {
		return log.Settings{}, err
	}
	settings, err := topicconfig.Settings(spec.Configs, s.cfg.TopicDefaults)
	if err == nil {
		err = CheckCount(spec.Partitions)
	}
	return settings, err
}

// CheckCount says whether a topic can have so many partitions. The error wraps
// ErrInvalidPartitions.
func CheckCount(partitions int) error {
	if partitions < 1 || partitions > MaxPartitions {
		return fmt.Errorf("%w: %d, allowed are 1 to %d", ErrInvalidPartitions, partitions, MaxPartitions)
	}
	return nil
}

// create opens the partitions of all, writes their records in one go, and
// publishes them. Topics that fail on the way are undone.
func (s *Store) create(all []*creation) {
	var opened []*creation
	var records []record
	s.openAll(all)
	for _, c := range all {
		r, err := topicRecord(c.topic)
		if c.result.Err == nil {
			c.result.Err = err
		}
		if c.result.Err == nil {
			opened, records = append(opened, c), append(records, r)
		}
	}
	if err := s.partition.write(records); err != nil {
		for _, c := range opened {
			c.result.Err = err
		}
	}
	s.finish(all)
}

// openAll opens the partitions of all topics; the work is spread over
// topics, and over one topic's partitions where there is only one.
func (s *Store) openAll(all []*creation) {
	var g errgroup.Group
	g.SetLimit(parallel)
	if len(all) == 1 {
		c := all[0]
		s.openPartitions(&g, c.topic, 0, c.settings)
		c.result.Err = g.Wait()
		return
	}
	for _, c := range all {
		g.Go(func() error {
			var one errgroup.Group
			one.SetLimit(1)
			s.openPartitions(&one, c.topic, 0, c.settings)
			c.result.Err = one.Wait()
			return nil
		})
	}
	g.Wait()
}

// finish publishes those that succeeded and undoes the rest.
func (s *Store) finish(all []*creation) {
	s.update(func(e *edit) {
		for _, c := range all {
			if c.result.Err == nil {
				e.put(c.topic)
			}
		}
	})
	for _, c := range all {
		if c.result.Err != nil {
			s.deletePartitions(0, c.topic)
			s.abandon([]*creation{c})
			c.result.Topic = nil
		}
	}
}

// abandon gives back reserved names.
func (s *Store) abandon(all []*creation) {
	for _, c := range all {
		s.names.free(c.topic.Name)
	}
}
