package evidence

import (
	"net/url"
	"strconv"
	"time"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/offset"
)

// A Query says which records are meant, by what they say. All that is given must
// fit.
type Query struct {
	Topic                              string
	Key, ID, Source, Type, Correlation Text
	Since, Until                       string
	Limit                              int // 0: what is usual
	Cursor                             string
}

// Text is a flag that can be given as nothing, which is not the same as not given.
type Text struct {
	text  string
	given bool
}

// Set implements pflag.Value.
func (t *Text) Set(s string) error {
	t.text, t.given = s, true
	return nil
}

// String implements pflag.Value.
func (t *Text) String() string { return t.text }

// Type implements pflag.Value.
func (t *Text) Type() string { return "string" }

// Given tells whether the query says anything that records are searched by.
func (q *Query) Given() bool { return *q != Query{} }

// values is the query as parameters of a URL.
func (q *Query) values(now time.Time) (url.Values, error) {
	v := url.Values{}
	for name, t := range map[string]Text{"key": q.Key, "id": q.ID, "source": q.Source, "type": q.Type, "correlation": q.Correlation} {
		if t.given {
			v.Set(name, t.text)
		}
	}
	for name, text := range map[string]string{"since": q.Since, "until": q.Until} {
		if text == "" {
			continue
		}
		ms, err := offset.ParseTime(text, now)
		if err != nil {
			return nil, tool.Usagef("--%s %q is no time: write 2026-01-31, 2026-01-31T08:00:00Z, 1769846400000 (ms) or -1h (ago)", name, text)
		}
		v.Set(name, strconv.FormatInt(ms, 10))
	}
	if q.Topic != "" {
		v.Set("topic", q.Topic)
	}
	if q.Cursor != "" {
		v.Set("cursor", q.Cursor)
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v, nil
}
