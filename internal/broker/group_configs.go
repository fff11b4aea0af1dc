package broker

import (
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/broker/topicconfig"
)

// describeGroupConfigs lists a group's properties, be there such a group or not.
func (b *Broker) describeGroupConfigs(group string) ([]topicconfig.Entry, error) {
	if err := checkConfiguredGroup(group); err != nil {
		return nil, err
	}
	return groupconfig.Describe(b.store.GroupConfigs(group), b.groupDefaults()), nil
}

// Group properties for which the node has a default of its own.
const (
	groupHeartbeat = "consumer.heartbeat.interval.ms"
	groupSession   = "consumer.session.timeout.ms"
)

// groupDefaults are the node's own defaults of group properties. They need not
// be within the limits for what groups may ask for.
func (b *Broker) groupDefaults() map[string]string {
	defaults := make(map[string]string)
	for name, d := range map[string]time.Duration{groupHeartbeat: b.cfg.ConsumerHeartbeat, groupSession: b.cfg.ConsumerSession} {
		ms := strconv.FormatInt(d.Milliseconds(), 10)
		if def, _ := groupconfig.Lookup(name); ms != def.Default {
			defaults[name] = ms
		}
	}
	return defaults
}

func (b *Broker) alterGroupConfigs(group string, validateOnly bool, change func(map[string]string) (map[string]string, error)) error {
	if err := checkConfiguredGroup(group); err != nil {
		return err
	}
	return b.store.ConfigureGroup(group, validateOnly, func(have map[string]string) (map[string]string, error) {
		configs, err := change(have)
		if err == nil {
			err = groupconfig.Check(configs, nil)
		}
		return configs, err
	})
}

func checkConfiguredGroup(group string) error {
	if group == "" {
		return refuse(kerr.InvalidRequest, "the group has no name")
	}
	return nil
}

// groupSettings is what the group's properties mean.
func (b *Broker) groupSettings(group string) groupconfig.Settings {
	if own := b.store.GroupConfigs(group); own != nil {
		return b.settingsOf(own)
	}
	return b.standardSettings
}

// settingsOf is what properties of a group mean.
func (b *Broker) settingsOf(own map[string]string) groupconfig.Settings {
	s, err := groupconfig.Of(own, nil)
	if err != nil { // a later program allowed what this one does not
		s, _ = groupconfig.Of(nil, nil)
	}
	if _, ok := own[groupHeartbeat]; !ok {
		s.ConsumerHeartbeat = b.cfg.ConsumerHeartbeat
	}
	if _, ok := own[groupSession]; !ok {
		s.ConsumerSession = b.cfg.ConsumerSession
	}
	return s
}
