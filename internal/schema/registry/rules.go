package registry

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/evidentlog/evident/internal/schema/registry/record"
)

// mostRuleName is how long a rule's name may be.
const mostRuleName = 64

// CheckRules refuses a set of rules that clients could not carry out. Errors are
// [InvalidRuleSet].
func CheckRules(set *record.RuleSet) error {
	if set == nil {
		return nil
	}
	for _, part := range []struct {
		what  string
		rules []record.Rule
		modes []string
	}{
		{"Migration", set.MigrationRules, []string{"UPGRADE", "DOWNGRADE", "UPDOWN"}},
		{"Domain", set.DomainRules, []string{"WRITE", "READ", "WRITEREAD"}},
		{"Encoding", set.EncodingRules, []string{"WRITE", "READ", "WRITEREAD"}},
	} {
		names := map[string]bool{}
		for i := range part.rules {
			rule := &part.rules[i]
			err := checkRule(rule)
			switch {
			case err != nil:
			case names[rule.Name]:
				err = fmt.Errorf("found rule with duplicate name '%s'", rule.Name)
			case !slices.Contains(part.modes, rule.Mode):
				err = fmt.Errorf("%s rules can only be %s", part.what, strings.Join(part.modes, ", "))
			}
			if err != nil {
				return Errorf(InvalidRuleSet, "Invalid rule set: rule %d (%q): %w", i, rule.Name, err)
			}
			names[rule.Name] = true
		}
	}
	return nil
}

func checkRule(r *record.Rule) error {
	switch {
	case r.Name == "":
		return fmt.Errorf("missing rule name")
	case len(r.Name) > mostRuleName:
		return fmt.Errorf("rule name too long: %d bytes, and %d are allowed", len(r.Name), mostRuleName)
	case r.Type == "":
		return fmt.Errorf("missing rule type")
	case r.Kind != "" && r.Kind != "TRANSFORM" && r.Kind != "CONDITION":
		return fmt.Errorf("rule kind is %q, and must be TRANSFORM or CONDITION", r.Kind)
	}
	for i, c := range r.Name {
		if !unicode.IsLetter(c) && c != '_' && (i == 0 || !unicode.IsDigit(c) && c != '-') {
			return fmt.Errorf("illegal character in rule name: %q", c)
		}
	}
	if r.Mode != "WRITEREAD" && r.Mode != "UPDOWN" && strings.Contains(r.OnSuccess+r.OnFailure, ",") {
		return fmt.Errorf("multiple actions only valid with WRITEREAD and UPDOWN")
	}
	return nil
}
