package metadata

import (
	"maps"
	"strings"
)

// groupPrefix begins the keys of groups' properties.
const groupPrefix = "/group/"

type groupValue struct {
	Version int               `json:"v"`
	Configs map[string]string `json:"configs"`
}

// groupConfigs are the groups that have properties of their own. A map in it is
// never changed.
type groupConfigs map[string]map[string]string

// GroupConfigs returns the named group's own properties, nil if it has none. They
// must not be changed.
func (s *Store) GroupConfigs(group string) map[string]string { return (*s.groups.Load())[group] }

// ConfiguredGroups returns the names of the groups that have properties of their
// own, in no order.
func (s *Store) ConfiguredGroups() []string {
	groups := *s.groups.Load()
	names := make([]string, 0, len(groups))
	for name := range groups {
		names = append(names, name)
	}
	return names
}

// ConfigureGroup replaces the named group's own properties by what change makes
// of a copy of them, which it also checks. With validateOnly it only tells what
// would happen. An error of change is returned as it is.
func (s *Store) ConfigureGroup(group string, validateOnly bool, change func(map[string]string) (map[string]string, error)) error {
	key := groupPrefix + group // no topic's name
	s.names.lock(key)
	defer s.names.unlock(key)
	have := s.GroupConfigs(group)
	working := maps.Clone(have)
	if working == nil {
		working = make(map[string]string)
	}
	configs, err := change(working)
	if err != nil || validateOnly || maps.Equal(configs, have) {
		return err
	}
	r := record{key: key} // a tombstone, if nothing is left
	if len(configs) > 0 {
		if r, err = newRecord(key, groupValue{formatVersion, configs}); err != nil {
			return err
		}
	}
	if err := s.partition.write([]record{r}); err != nil {
		return err
	}
	s.publishGroup(group, configs)
	return nil
}

func (s *Store) publishGroup(group string, configs map[string]string) {
	s.publish.Lock()
	defer s.publish.Unlock()
	next := maps.Clone(*s.groups.Load())
	next.set(group, configs)
	s.groups.Store(&next)
}

func (g groupConfigs) set(group string, configs map[string]string) {
	if len(configs) == 0 {
		delete(g, group)
		return
	}
	g[group] = configs
}

// groupOf returns the group that the key names, if it does.
func groupOf(key string) (group string, ok bool) { return strings.CutPrefix(key, groupPrefix) }
