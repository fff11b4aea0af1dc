package nearest_test

import (
	"testing"

	"github.com/evidentlog/evident/internal/nearest"
)

func TestOfFindsWhatWasMeant(t *testing.T) {
	keys := []string{"data", "partitions", "listen-kafka", "listen-http", "retention.ms", "retention.bytes", "orders"}
	for word, want := range map[string]string{
		"partitons":      "partitions",   // a letter left out
		"partition":      "partitions",   // the end left out
		"dtaa":           "data",         // neighbours swapped
		"LISTEN_KAFKA":   "listen-kafka", // another spelling of the separator
		"retention_ms":   "retention.ms",
		"retention.byte": "retention.bytes",
		"kafka":          "listen-kafka", // only the end of it
		"order":          "orders",
		"listen":         "", // begins two choices
		"zzz":            "",
		"x":              "",
		"":               "",
	} {
		if got, ok := nearest.Of(word, keys); got != want || ok != (want != "") {
			t.Errorf("Of(%q) = %q, %v; want %q", word, got, ok, want)
		}
	}
}

func TestOfPrefersTheExactWord(t *testing.T) {
	if got, _ := nearest.Of("cat", []string{"car", "cat", "can"}); got != "cat" {
		t.Errorf("Of(cat) = %q", got)
	}
}

func TestHintEndsAMessage(t *testing.T) {
	if got := nearest.Hint("partitons", []string{"partitions"}, "."); got != `: did you mean "partitions"?` {
		t.Error(got)
	}
	if got := nearest.Hint("zzz", []string{"partitions"}, "; see --help"); got != "; see --help" {
		t.Error(got)
	}
}
