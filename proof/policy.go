package proof

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Policy says whose signatures make a checkpoint good: C2SP's tlog-policy. A
// checkpoint must be signed by one of the logs, and cosigned by a quorum of
// witnesses.
type Policy struct {
	Logs      []PolicyLog
	Witnesses []PolicyWitness

	groups map[string]group
	quorum string
}

// A PolicyLog is a log that a policy accepts.
type PolicyLog struct {
	Key *Verifier
	URL string // empty if the policy has none
}

// A PolicyWitness is a witness that a policy knows.
type PolicyWitness struct {
	Name string // within the policy
	Key  *Verifier
	URL  string // to submit checkpoints to; empty if the policy has none
}

// A group is fulfilled when at least need of its members are.
type group struct {
	need    int
	members []string
}

// noQuorum is the name of the quorum that needs nobody.
const noQuorum = "none"

// ParsePolicy reads a policy file. An error names the line.
func ParsePolicy(text string) (*Policy, error) {
	p := policyParser{Policy: Policy{groups: map[string]group{}}, used: map[string]bool{}}
	for i, line := range strings.Split(text, "\n") {
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("policy, line %d: %w", i+1, err)
		}
	}
	if p.quorum == "" {
		return nil, errors.New("policy: there is no line with a quorum; \"quorum none\" asks for no witness")
	}
	return &p.Policy, nil
}

// A policyParser holds the lines read so far.
type policyParser struct {
	Policy
	used map[string]bool // members of some group
}

func (p *policyParser) line(line string) error {
	if i := strings.IndexFunc(line, func(r rune) bool { return (r < ' ' && r != '\t') || r == 0x7f }); i >= 0 {
		return fmt.Errorf("control character %#02x", line[i])
	}
	words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return nil
	}
	switch keyword, args := words[0], words[1:]; keyword {
	case "log":
		return p.log(args)
	case "witness":
		return p.witness(args)
	case "group":
		return p.group(args)
	case "quorum":
		return p.setQuorum(args)
	default:
		return fmt.Errorf("%q is none of log, witness, group and quorum", abbreviate(keyword))
	}
}

func (p *policyParser) log(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return fmt.Errorf("log has a verifier key and may have a URL, not %d words", len(args))
	}
	key, err := ParseVerifier(args[0])
	if err != nil {
		return err
	}
	if key.algorithm == Ed25519Cosignature {
		return fmt.Errorf("log %s: keys of type %#02x are for witnesses", key.name, byte(key.algorithm))
	}
	if slices.ContainsFunc(p.Logs, func(l PolicyLog) bool { return l.Key.sameKey(key) }) {
		return fmt.Errorf("log %s: another line has the same key", key.name)
	}
	p.Logs = append(p.Logs, PolicyLog{key, optional(args, 1)})
	return nil
}

func (p *policyParser) witness(args []string) error {
	if len(args) < 2 || len(args) > 3 {
		return fmt.Errorf("witness has a name and a verifier key and may have a URL, not %d words", len(args))
	}
	name := args[0]
	if err := p.free(name); err != nil {
		return err
	}
	key, err := ParseVerifier(args[1])
	if err != nil {
		return err
	}
	if key.algorithm == Ed25519 {
		return fmt.Errorf("witness %s: keys of type %#02x are for logs, witnesses have %#02x or %#02x",
			name, byte(Ed25519), byte(Ed25519Cosignature), byte(MLDSA44))
	}
	if slices.ContainsFunc(p.Witnesses, func(w PolicyWitness) bool { return w.Key.sameKey(key) }) {
		return fmt.Errorf("witness %s: another line has the same key", name)
	}
	p.Witnesses = append(p.Witnesses, PolicyWitness{name, key, optional(args, 2)})
	return nil
}

func (p *policyParser) group(args []string) error {
	if len(args) < 3 {
		return errors.New("group has a name, a number (or any, all), and at least one member")
	}
	name, members := args[0], args[2:]
	if err := p.free(name); err != nil {
		return err
	}
	for _, m := range members {
		switch {
		case !p.known(m):
			return fmt.Errorf("group %s: no line above defines %s", name, m)
		case p.used[m]:
			return fmt.Errorf("group %s: %s is a member already", name, m)
		}
		p.used[m] = true
	}
	need, err := threshold(args[1], len(members))
	if err != nil {
		return fmt.Errorf("group %s: %w", name, err)
	}
	p.groups[name] = group{need, members}
	return nil
}

func threshold(word string, members int) (int, error) {
	switch word {
	case "any":
		return 1, nil
	case "all":
		return members, nil
	}
	k, err := strconv.Atoi(word)
	if err != nil || k < 1 || k > members {
		return 0, fmt.Errorf("%q is not any, all, or a number from 1 to %d", word, members)
	}
	return k, nil
}

func (p *policyParser) setQuorum(args []string) error {
	switch {
	case len(args) != 1:
		return fmt.Errorf("quorum has one name, not %d words", len(args))
	case p.quorum != "":
		return errors.New("there is a quorum already")
	case args[0] != noQuorum && !p.known(args[0]):
		return fmt.Errorf("quorum: no line above defines %s", args[0])
	}
	p.quorum = args[0]
	return nil
}

// free tells whether a name can be given to a witness or a group.
func (p *policyParser) free(name string) error {
	if name == noQuorum || p.known(name) {
		return fmt.Errorf("the name %s is taken", name)
	}
	return nil
}

func (p *Policy) known(name string) bool {
	_, isGroup := p.groups[name]
	return isGroup || slices.ContainsFunc(p.Witnesses, func(w PolicyWitness) bool { return w.Name == name })
}

func optional(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// verifiers returns the keys of all logs and witnesses.
func (p *Policy) verifiers() []*Verifier {
	var all []*Verifier
	for _, l := range p.Logs {
		all = append(all, l.Key)
	}
	for _, w := range p.Witnesses {
		all = append(all, w.Key)
	}
	return all
}

// Fulfilled tells whether the quorum is among the witnesses whose keys cosigned.
func (p *Policy) Fulfilled(keys []*Verifier) bool {
	cosigned := map[string]bool{}
	for _, w := range p.Witnesses {
		cosigned[w.Name] = slices.ContainsFunc(keys, func(k *Verifier) bool { return k.name == w.Key.name && k.sameKey(w.Key) })
	}
	return p.fulfilled(cosigned)
}

// fulfilled tells whether the quorum is among the witnesses that cosigned.
func (p *Policy) fulfilled(cosigned map[string]bool) bool {
	return p.quorum == noQuorum || p.met(p.quorum, cosigned)
}

func (p *Policy) met(name string, cosigned map[string]bool) bool {
	g, ok := p.groups[name]
	if !ok {
		return cosigned[name]
	}
	n := 0
	for _, m := range g.members {
		if p.met(m, cosigned) {
			n++
		}
	}
	return n >= g.need
}

// WithoutQuorum returns a policy with the same keys that asks for no witness:
// cosignatures that are there must be right.
func (p *Policy) WithoutQuorum() *Policy {
	q := *p
	q.quorum = noQuorum
	return &q
}
