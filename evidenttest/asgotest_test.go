package evidenttest_test

import (
	"flag"
	"fmt"
	"testing"
)

// asGoTest runs what an example shows, as go test would if it were a test: an example has
// no *testing.T of its own. What it prints is the example's only, whatever -v says.
func asGoTest(test func(t *testing.T)) {
	for name, value := range map[string]string{"test.v": "false", "test.count": "1", "test.skip": ""} {
		f := flag.Lookup(name)
		before := f.Value.String()
		f.Value.Set(value) // of a kind that it takes
		defer f.Value.Set(before)
	}
	all := func(string, string) (bool, error) { return true, nil }
	if !testing.RunTests(all, []testing.InternalTest{{Name: "Example", F: test}}) {
		fmt.Println("the test has failed")
	}
}
