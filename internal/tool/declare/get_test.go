package declare

import (
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/resource"
)

// What is printed means the same to those who read YAML 1.1.
func TestTextsThatOldYAMLTakesForTruthsAreInQuotes(t *testing.T) {
	r := resource.Resource{
		APIVersion: resource.APIVersion, Kind: "Topic", Metadata: resource.Metadata{Name: "orders", Labels: map[string]string{"y": "No", "team": "shop"}},
		Spec: []byte(`{"partitions":6,"config":{"evident.index":"off","retention.ms":"1","x":true}}`),
	}
	var out strings.Builder
	if err := writeYAML(&out, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`evident.index: "off"`, `"y": "No"`, "team: shop", "partitions: 6", `retention.ms: "1"`, "x: true"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing in\n%s", want, &out)
		}
	}
}
