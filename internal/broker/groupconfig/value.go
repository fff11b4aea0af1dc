package groupconfig

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// setter puts a value, given as text, into settings. Its error says what is
// allowed.
type setter func(*Settings, string) error

func integer(low, high int, set func(*Settings, int)) setter {
	return func(s *Settings, text string) error {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < low || n > high {
			return fmt.Errorf("must be a whole number between %d and %d", low, high)
		}
		set(s, n)
		return nil
	}
}

func millis(low, high int, set func(*Settings, time.Duration)) setter {
	return integer(low, high, func(s *Settings, n int) { set(s, time.Duration(n)*time.Millisecond) })
}

func boolean(set func(*Settings, bool)) setter {
	return func(s *Settings, text string) error {
		yes := strings.EqualFold(strings.TrimSpace(text), "true")
		if !yes && !strings.EqualFold(strings.TrimSpace(text), "false") {
			return fmt.Errorf("must be true or false")
		}
		set(s, yes)
		return nil
	}
}

func text(check func(string) error, set func(*Settings, string)) setter {
	return func(s *Settings, text string) error {
		text = strings.TrimSpace(text)
		if err := check(text); err != nil {
			return err
		}
		set(s, text)
		return nil
	}
}

const readCommitted = "read_committed"

func isolation(text string) error {
	if text != readCommitted && text != "read_uncommitted" {
		return fmt.Errorf("must be read_uncommitted or %s", readCommitted)
	}
	return nil
}

// validTopic refuses what no dead-letter topic can be called (KIP-1191). Whether
// there is such a topic is asked when it is needed.
func validTopic(name string) error {
	switch {
	case strings.HasPrefix(name, "__"):
		return fmt.Errorf("must not begin with __, as internal topics do")
	case strings.ContainsFunc(name, func(r rune) bool { return !legal(r) }) || name == "." || name == ".." || len(name) > 249:
		return fmt.Errorf("must be a topic name: at most 249 letters, digits, '.', '_' and '-'")
	}
	return nil
}

func legal(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-'
}

func parseReset(text string) (Reset, error) {
	text = strings.TrimSpace(text)
	kind, duration, _ := strings.Cut(text, ":")
	switch {
	case text == "latest":
		return Reset{Kind: Latest}, nil
	case text == "earliest":
		return Reset{Kind: Earliest}, nil
	case kind == "by_duration":
		ago, err := parseDuration(duration)
		return Reset{Kind: ByDuration, Ago: ago}, err
	}
	return Reset{}, fmt.Errorf("must be latest, earliest or by_duration:<ISO 8601 duration>")
}
