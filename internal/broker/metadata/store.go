package metadata

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/broker/quota"
	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/log"
)

// parallel is how many partitions are opened or deleted at the same time.
const parallel = 16

// Config configures a [Store]. All fields but TopicDefaults are required.
type Config struct {
	// Log holds the metadata partition and all others.
	Log *log.Log
	// Logger receives what an operator should know.
	Logger *slog.Logger
	// Now stamps records.
	Now func() time.Time
	// TopicDefaults are topic properties that apply where a topic has none of its own.
	TopicDefaults map[string]string
}

// Store keeps the metadata. Its methods may be called concurrently.
type Store struct {
	cfg       Config
	partition *partition
	clusterID string
	secret    []byte
	users     atomic.Pointer[auth.Users]
	altering  sync.Mutex // one change of users after another; held while it is written
	quotas    atomic.Pointer[quota.Table]
	snapshot  atomic.Pointer[Snapshot]
	groups    atomic.Pointer[groupConfigs]
	names     *names
	producers producerIDs
	publish   sync.Mutex // guards the replacement of snapshot and of groups
}

// Open reads the metadata and opens every partition that it names. The log has
// to be started afterwards.
func Open(cfg Config) (*Store, error) {
	if _, err := topicconfig.Settings(nil, cfg.TopicDefaults); err != nil {
		return nil, fmt.Errorf("topic defaults: %w", err)
	}
	p, err := openPartition(cfg.Log, cfg.Now)
	if err != nil {
		return nil, err
	}
	m, err := p.load()
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, partition: p, names: newNames()}
	s.producers.start(m.nextProducerID)
	s.groups.Store(&m.groups)
	if err := s.openTopics(m.topics); err != nil {
		return nil, err
	}
	s.users.Store(auth.NewUsers(m.users))
	s.quotas.Store(quota.NewTable(m.quotas))
	return s, s.found(m)
}

// Snapshot is the metadata now.
func (s *Store) Snapshot() *Snapshot { return s.snapshot.Load() }

// End is the offset behind the last record of the metadata partition.
func (s *Store) End() int64 { return s.partition.log.HighWatermark() }

// ClusterID is the random id that the cluster got when it first started.
func (s *Store) ClusterID() string { return s.clusterID }

// found adds what a cluster gets once: its id, and a secret.
func (s *Store) found(m *image) error {
	var missing []record
	s.clusterID, s.secret = m.clusterID, m.secret
	if s.clusterID == "" {
		s.clusterID = newID().String()
		r, err := newRecord(clusterKey, clusterValue{formatVersion, s.clusterID})
		if err != nil {
			return err
		}
		missing = append(missing, r)
	}
	if len(s.secret) == 0 {
		s.secret = newSecret()
		r, err := newRecord(authenticationKey, authenticationValue{formatVersion, s.secret})
		if err != nil {
			return err
		}
		missing = append(missing, r)
	}
	return s.partition.write(missing)
}

func (s *Store) openTopics(values map[string]topicValue) error {
	var g errgroup.Group
	g.SetLimit(parallel)
	edit := new(Snapshot).edit()
	for name, v := range values {
		t := &Topic{Name: name, ID: v.ID, Partitions: make([]*log.Partition, v.Partitions), Configs: v.Configs}
		s.names.take(name)
		edit.put(t)
		settings, err := topicconfig.Settings(t.Configs, s.cfg.TopicDefaults)
		if err != nil {
			return errors.Join(fmt.Errorf("topic %s: %w", name, err), g.Wait())
		}
		s.openPartitions(&g, t, 0, settings)
	}
	s.snapshot.Store(edit.next)
	return g.Wait()
}

// openPartitions opens the partitions of t from number first on.
func (s *Store) openPartitions(g *errgroup.Group, t *Topic, first int, settings log.Settings) {
	for n := first; n < len(t.Partitions); n++ {
		g.Go(func() error {
			p, err := s.cfg.Log.OpenPartition(t.logID(int32(n)), settings)
			if err != nil {
				return fmt.Errorf("open partition %s-%d: %w", t.Name, n, err)
			}
			t.Partitions[n] = p
			return nil
		})
	}
}

// deletePartitions removes the partitions of topics, from number first on. What
// cannot be removed now is removed when the log next starts, since no record names
// it any more.
func (s *Store) deletePartitions(first int, topics ...*Topic) {
	var ids []log.ID
	for _, t := range topics {
		for n, p := range t.Partitions[first:] {
			if p != nil {
				ids = append(ids, t.logID(int32(first+n)))
			}
		}
	}
	for i, err := range s.cfg.Log.DeletePartitions(ids) {
		if err != nil {
			s.cfg.Logger.Warn("a deleted partition's folder stays until the next start",
				"topic", ids[i].Topic, "partition", ids[i].Partition, "err", err)
		}
	}
}

// update publishes what change does to the snapshot.
func (s *Store) update(change func(*edit)) {
	s.publish.Lock()
	defer s.publish.Unlock()
	e := s.snapshot.Load().edit()
	change(e)
	s.snapshot.Store(e.next)
}
