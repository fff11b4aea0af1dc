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

// Matches are what regular expressions matched, by expression.
type Matches map[string]Match

// Match is what one expression matched.
type Match struct {
	topics  []string // in order
	version int64    // of the topics that there were
}

// MatchTopics matches an expression with the names of all topics, until stop
// holds. It reports false if it was stopped, or the expression is none, which the step
// that brings it will say.
func MatchTopics(expr string, topics Topics, stop func() bool) (Match, bool) {
	compiled, err := compile(expr)
	if err != nil {
		return Match{}, false
	}
	m := Match{version: topics.Version()}
	for name := range topics.Names() {
		if stop() {
			return Match{}, false
		}
		if compiled.MatchString(name) {
			m.topics = append(m.topics, name)
		}
	}
	slices.Sort(m.topics)
	return m, true
}

// due reports whether the expression is to be matched again.
func (r *regex) due(env Env) bool {
	return r.version != env.Topics.Version() && !env.Now.Before(r.at.Add(refreshInterval))
}

// Due are the expressions that a heartbeat, which may bring one, matches with the
// topics unless [Env.Matches] has them.
func (g *Group) Due(env Env, brought string) []string {
	var due []string
	if brought != "" && g.regexes[brought] == nil {
		due = append(due, brought)
	}
	for expr, r := range g.regexes {
		if r.due(env) {
			due = append(due, expr)
		}
	}
	return due
}

// take takes over what the expression matched, and reports whether that is
// something else than before.
func (r *regex) take(m Match, env Env) (changed bool) {
	changed = !slices.Equal(m.topics, r.topics)
	r.topics, r.version, r.at = m.topics, m.version, env.Now
	return changed
}

// match is what the expression matches: found before the step, or now.
func (env Env) match(expr string) Match {
	if m, ok := env.Matches[expr]; ok {
		return m
	}
	m, _ := MatchTopics(expr, env.Topics, func() bool { return false })
	return m
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
	r.take(g.env.match(expr), g.env)
	g.regexes[expr] = r
	g.put(regexRecord(g.id, expr, r))
	return nil
}

// rematch matches the regular expressions with topics that have changed, but
// not all the time, or takes over what was matched before the step. It reports whether
// any now matches others than before.
func (g *Group) rematch() (changed bool) {
	for expr, r := range g.regexes {
		if _, found := g.env.Matches[expr]; !r.due(g.env) || g.env.Matches != nil && !found {
			continue
		}
		if m := g.env.match(expr); m.version >= r.version && r.take(m, g.env) {
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
