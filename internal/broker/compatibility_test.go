package broker

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ranges are the versions that clients of today expect of each request: from the
// floor that Kafka 4 set (KIP-896), or lower where clients still need it, to the
// newest there is.
var ranges = map[int16][2]int16{
	0: {0, 13}, 1: {4, 18}, 2: {1, 11}, 3: {0, 13}, 8: {2, 10}, 9: {1, 10}, 10: {0, 6}, 11: {0, 9}, 12: {0, 4}, 13: {0, 5},
	14: {0, 5}, 15: {0, 6}, 16: {0, 5}, 17: {0, 1}, 18: {0, 5}, 19: {2, 7}, 20: {1, 6}, 21: {0, 2}, 22: {0, 5}, 23: {2, 4},
	24: {0, 3}, 25: {0, 4}, 26: {0, 5}, 28: {0, 5}, 29: {1, 3}, 30: {1, 3}, 31: {1, 3}, 32: {1, 4}, 33: {0, 2}, 34: {1, 2},
	35: {1, 5}, 36: {0, 2}, 37: {0, 3}, 42: {0, 2}, 43: {0, 2}, 44: {0, 1}, 45: {0, 1}, 46: {0, 0}, 47: {0, 0}, 48: {0, 1},
	49: {0, 1}, 50: {0, 0}, 51: {0, 0}, 55: {0, 2}, 57: {0, 2}, 60: {0, 2}, 61: {0, 0}, 65: {0, 0}, 66: {0, 2}, 68: {0, 1},
	69: {0, 1}, 75: {0, 0}, 76: {1, 1}, 77: {1, 1}, 78: {1, 2}, 79: {1, 2}, 90: {0, 1}, 91: {0, 0}, 92: {0, 0},
}

// No request is listed that clients would be misled by: telemetry, Streams groups,
// what goes between brokers.
func TestRequestsAreListedInTheVersionsThatClientsExpect(t *testing.T) {
	resp := ask[*kmsg.ApiVersionsResponse](start(t).dial(), kmsg.NewPtrApiVersionsRequest())
	for _, k := range resp.ApiKeys {
		want, expected := ranges[k.ApiKey]
		if !expected || want != [2]int16{k.MinVersion, k.MaxVersion} {
			t.Errorf("%s (%d) is listed from %d to %d, want %v", kmsg.NameForKey(k.ApiKey), k.ApiKey, k.MinVersion, k.MaxVersion, want)
		}
	}
}

// documented reads the table of requests: "key name versions".
func documented(t *testing.T) map[string]bool {
	content, err := os.ReadFile("../../docs/kafka-compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(content), "\n## Requests\n")
	table, _, ok := strings.Cut(table, "\nNot served")
	if !ok {
		t.Fatal("the page has no table of requests")
	}
	rows := make(map[string]bool)
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| ") && cells[0] != "| key" {
			rows[strings.ToLower(strings.TrimPrefix(cells[0], "| ")+" "+cells[1]+" "+cells[2])] = true
		}
	}
	return rows
}

// kafkaNames are Kafka's names where the codec has its own.
var kafkaNames = map[int16]string{45: "AlterPartitionReassignments"}

func TestTheCompatibilityPageListsWhatIsServed(t *testing.T) {
	rows := documented(t)
	for _, a := range start(t).table {
		if a == nil {
			continue
		}
		name, versions := a.name(), fmt.Sprintf("%d–%d", a.min, a.max)
		if kafkas, ok := kafkaNames[a.key]; ok {
			name = kafkas
		}
		if a.min == a.max {
			versions = fmt.Sprint(a.min)
		}
		row := strings.ToLower(fmt.Sprintf("%d %s %s", a.key, name, versions))
		if !rows[row] {
			t.Errorf("docs/kafka-compatibility.md has no row %q", row)
		}
		delete(rows, row)
	}
	for row := range rows {
		t.Errorf("docs/kafka-compatibility.md has the row %q, which is not so", row)
	}
}
