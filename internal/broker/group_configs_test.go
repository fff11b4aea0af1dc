package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/vfs"
)

// configureGroup sets properties of a group, or deletes them where the value is "".
func (s *server) configureGroup(group string, configs ...string) int16 {
	s.t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Version = 1
	rr := kmsg.NewIncrementalAlterConfigsRequestResource()
	rr.ResourceType, rr.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	for i := 0; i < len(configs); i += 2 {
		rc := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		rc.Name, rc.Value = configs[i], &configs[i+1]
		if configs[i+1] == "" {
			rc.Op, rc.Value = kmsg.IncrementalAlterConfigOpDelete, nil
		}
		rr.Configs = append(rr.Configs, rc)
	}
	req.Resources = append(req.Resources, rr)
	return ask[*kmsg.IncrementalAlterConfigsResponse](s.dial(), req).Resources[0].ErrorCode
}

// groupConfig is a property of a group as DescribeConfigs shows it, and where it comes from.
func (s *server) groupConfig(group, name string) (string, kmsg.ConfigSource) {
	s.t.Helper()
	req := kmsg.NewPtrDescribeConfigsRequest()
	req.Version = 4
	req.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeGroupConfig, ResourceName: group, ConfigNames: []string{name}}}
	rr := ask[*kmsg.DescribeConfigsResponse](s.dial(), req).Resources[0]
	if rr.ErrorCode != 0 || len(rr.Configs) != 1 {
		s.t.Fatalf("describe %s of group %q: %+v", name, group, rr)
	}
	return *rr.Configs[0].Value, rr.Configs[0].Source
}

func TestGroupConfigsSurviveARestartAndCanBeTakenBack(t *testing.T) {
	const group, name = "a/b", "share.delivery.count.limit"
	mem := vfs.NewMem()
	s := startOn(t, mem)
	if code := s.configureGroup(group, name, "3"); code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	s.stop()
	s = startOn(t, mem)
	if v, source := s.groupConfig(group, name); v != "3" || source != kmsg.ConfigSourceGroupConfig {
		t.Errorf("after a restart: %s from %d", v, source)
	}
	if s.groupSettings(group).DeliveryLimit != 3 {
		t.Errorf("settings are %+v", s.groupSettings(group))
	}
	if code := s.configureGroup(group, name, ""); code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	s.stop()
	s = startOn(t, mem)
	if v, source := s.groupConfig(group, name); v != "5" || source != kmsg.ConfigSourceDefaultConfig {
		t.Errorf("after it was taken back: %s from %d", v, source)
	}
	if groups := s.store.ConfiguredGroups(); len(groups) != 0 {
		t.Errorf("configured are %q", groups)
	}
}

func TestBadGroupConfigsAreRefused(t *testing.T) {
	s := start(t)
	for _, c := range []struct {
		group, name, value string
		want               *kerr.Error
	}{
		{"g", "share.delivery.count.limit", "100", kerr.InvalidConfig},
		{"g", "retention.ms", "1", kerr.InvalidConfig},
		{"", "share.delivery.count.limit", "3", kerr.InvalidRequest},
	} {
		if code := s.configureGroup(c.group, c.name, c.value); code != c.want.Code {
			t.Errorf("%q %s=%s: got %v, want %v", c.group, c.name, c.value, kerr.ErrorForCode(code), c.want)
		}
	}
	if s.store.GroupConfigs("g") != nil {
		t.Errorf("configs are %v", s.store.GroupConfigs("g"))
	}
}
