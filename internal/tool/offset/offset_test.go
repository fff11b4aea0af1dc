package offset_test

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/offset"
)

func TestParseTakesTheWordsOfKcatAndRpk(t *testing.T) {
	zone := time.FixedZone("UTC+2", 2*60*60)
	now := time.Date(2026, 1, 31, 8, 0, 0, 0, zone)
	const today = 1769810400000 // 2026-01-31 00:00 UTC+2
	at := kgo.NewOffset()
	for text, want := range map[string]kgo.Offset{
		"start":                      at.AtStart(),
		"beginning":                  at.AtStart(),
		"earliest":                   at.AtStart(),
		"end":                        at.AtEnd(),
		"latest":                     at.AtEnd(),
		"0":                          at.At(0),
		"42":                         at.At(42),
		"+5":                         at.AtStart().Relative(5),
		"-5":                         at.AtEnd().Relative(-5),
		"@1769846400000":             at.AfterMilli(1769846400000),
		"s@1769846400000":            at.AfterMilli(1769846400000),
		"@1769846400":                at.AfterMilli(1769846400000),
		"@2026-01-31":                at.AfterMilli(today),
		"@2026-01-31T01:00":          at.AfterMilli(today + 3600_000),
		"@2026-01-31 01:00:00":       at.AfterMilli(today + 3600_000),
		"@2026-01-31T00:00:00.5Z":    at.AfterMilli(today + 7200_500),
		"@2026-01-31T01:00:00+01:00": at.AfterMilli(today + 7200_000),
		"@-1h30m":                    at.AfterMilli(today + 6*3600_000 + 1800_000),
	} {
		got, err := offset.Parse(text, now)
		if err != nil || got.Kafka() != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", text, got.Kafka(), err, want)
		}
	}
}

func TestParseErrorsSayWhatToWrite(t *testing.T) {
	for _, text := range []string{"", "begin", "1.5", "@", "@yesterday", "@-1", "--1", "@2026-13-01"} {
		_, err := offset.Parse(text, time.Now())
		var usage *tool.UsageError
		if !errors.As(err, &usage) {
			t.Errorf("Parse(%q): %v, want a usage error", text, err)
		}
	}
}

func TestClampKeepsWithinThePartition(t *testing.T) {
	span := offset.Span{Start: 10, End: 20}
	for given, want := range map[int64]int64{-1: 10, 10: 10, 15: 15, 20: 20, 21: 20} {
		if got := span.Clamp(given); got != want {
			t.Errorf("Clamp(%d) = %d, want %d", given, got, want)
		}
	}
}
