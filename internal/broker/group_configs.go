package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/broker/topicconfig"
)

// describeGroupConfigs lists a group's properties, be there such a group or not.
func (b *Broker) describeGroupConfigs(group string) ([]topicconfig.Entry, error) {
	if err := checkConfiguredGroup(group); err != nil {
		return nil, err
	}
	return groupconfig.Describe(b.store.GroupConfigs(group), nil), nil
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
	s, err := groupconfig.Of(b.store.GroupConfigs(group), nil)
	if err != nil { // a later program allowed what this one does not
		s, _ = groupconfig.Of(nil, nil)
	}
	return s
}
