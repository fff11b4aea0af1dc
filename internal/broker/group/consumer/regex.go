package consumer

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

const (
	// refreshInterval is how long after regular expressions have been matched
	// with the topics they are matched again, if topics have changed (a
	// constant of Kafka's coordinator too).
	refreshInterval = 10 * time.Second
	// maxInstructions bounds what it costs to match one name.
	maxInstructions = 10_000
)

// regex is a regular expression that members subscribe to, and the topics that
// it matched.
type regex struct {
	compiled *regexp.Regexp
	topics   []string // in order
	version  int64    // of the topics it was matched with
	at       time.Time
}

// compile compiles a regular expression that a whole name must match.
func compile(expr string) (*regexp.Regexp, error) {
	whole := `\A(?:` + expr + `)\z`
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err == nil {
		parsed, err = syntax.Parse(whole, syntax.Perl)
	}
	if err != nil {
		return nil, refuse(kerr.InvalidRegularExpression, "SubscribedTopicRegex %q is not a valid regular expression: %v", expr, err)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(prog.Inst) > maxInstructions {
		return nil, refuse(kerr.InvalidRegularExpression, "SubscribedTopicRegex of %d bytes is too complex: at most %d instructions are allowed", len(expr), maxInstructions)
	}
	return regexp.Compile(whole)
}

// match finds the topics with names that match, and reports whether they are others than before.
func (r *regex) match(env Env) (changed bool) {
	var topics []string
	for name := range env.Topics.Names() {
		if r.compiled.MatchString(name) {
			topics = append(topics, name)
		}
	}
	slices.Sort(topics)
	changed = !slices.Equal(topics, r.topics)
	r.topics, r.version, r.at = topics, env.Topics.Version(), env.Now
	return changed
}

// introduce makes sure that a regular expression that a member brings has been matched.
func (g *Group) introduce(expr string) error {
	if expr == "" || g.regexes[expr] != nil {
		return nil
	}
	compiled, err := compile(expr)
	if err != nil {
		return err
	}
	r := &regex{compiled: compiled}
	r.match(g.env)
	g.regexes[expr] = r
	g.put(regexRecord(g.id, expr, r))
	return nil
}

// rematch matches the regular expressions with topics that have changed, but
// not all the time. It reports whether any now matches others than before.
func (g *Group) rematch() (changed bool) {
	for expr, r := range g.regexes {
		if r.version == g.env.Topics.Version() || g.env.Now.Before(r.at.Add(refreshInterval)) {
			continue
		}
		if r.match(g.env) {
			changed = true
			g.put(regexRecord(g.id, expr, r))
		}
	}
	if changed {
		g.forgetTopics()
	}
	return changed
}

// dropRegexes forgets the regular expressions that nobody subscribes to any more.
func (g *Group) dropRegexes() {
	used := make(map[string]bool)
	for _, sub := range g.subscriptions {
		used[sub.regex] = true
	}
	for expr := range g.regexes {
		if !used[expr] {
			delete(g.regexes, expr)
			g.put(tombstone(regexKey(g.id, expr)))
		}
	}
}

// forgetTopics has all subscriptions look their topics up again.
func (g *Group) forgetTopics() {
	for _, sub := range g.subscriptions {
		sub.version = unresolved
	}
}
