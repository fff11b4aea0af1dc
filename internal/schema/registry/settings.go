package registry

import (
	"context"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// Settings are those of just a name, or with inherited those that hold for it. The error
// is [NoSettings] if there are none.
func (r *Registry) Settings(name subject.Name, inherited bool) (*record.Settings, error) {
	s := r.State()
	if inherited {
		return settingsFor(s, name), nil
	}
	if own := ownSettings(s, name); own != nil {
		return own, nil
	}
	return nil, Errorf(NoSettings, "Subject '%v' does not have subject-level compatibility configured", name)
}

// SetSettings changes the settings of a name, where it is this node's turn, and returns
// what they are then. change is given those before.
func (r *Registry) SetSettings(ctx context.Context, name subject.Name, change func(*record.Settings) error) (*record.Settings, error) {
	var next record.Settings
	err := r.change(ctx, func() ([]record.Record, error) {
		s := r.State()
		if err := checkWritable(s, name); err != nil {
			return nil, err
		}
		next = record.Settings{}
		if own := s.Settings(name); own != nil {
			next = *own
		}
		if err := change(&next); err != nil {
			return nil, err
		}
		if err := checkSettings(&next); err != nil {
			return nil, err
		}
		value := &record.ConfigValue{Subject: name.String(), Settings: next}
		return []record.Record{{Key: configKey(name), Value: value}}, nil
	})
	return &next, err
}

func configKey(name subject.Name) record.Key {
	return record.Key{Type: record.Config, Subject: name.String()}
}

func checkSettings(s *record.Settings) error {
	if s.CompatibilityLevel != "" {
		level, err := schema.ParseCompatibility(s.CompatibilityLevel)
		if err != nil {
			return Errorf(InvalidCompatibility, "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive")
		}
		s.CompatibilityLevel = string(level)
	}
	if s.CompatibilityPolicy != "" {
		policy, err := schema.ParsePolicy(s.CompatibilityPolicy)
		if err != nil {
			return Errorf(InvalidCompatibility, "Invalid compatibility policy. Valid values are strict and lenient")
		}
		s.CompatibilityPolicy = string(policy)
	}
	for _, set := range []*record.RuleSet{s.DefaultRuleSet, s.OverrideRuleSet} {
		if err := CheckRules(set); err != nil {
			return err
		}
	}
	return nil
}

// DeleteSettings takes the settings of a name away, where it is this node's turn, and
// returns what they were.
func (r *Registry) DeleteSettings(ctx context.Context, name subject.Name) (*record.Settings, error) {
	var before *record.Settings
	err := r.change(ctx, func() ([]record.Record, error) {
		s := r.State()
		if before = ownSettings(s, name); before == nil {
			return nil, subjectNotFound(name)
		}
		if err := checkWritable(s, name); err != nil {
			return nil, err
		}
		return []record.Record{{Key: configKey(name)}}, nil
	})
	return before, err
}
