package resources

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	nodes = 3
	kills = 6
	pairs = 4
)

// number is the annotation that requests write.
const number = "number"

// declaration is a topic with a number.
func declaration(name string, n int64) map[string]any {
	return map[string]any{
		"apiVersion": "evident/v1", "kind": "Topic",
		"metadata": map[string]any{"name": name, "annotations": map[string]string{number: strconv.FormatInt(n, 10)}},
		"spec":     map[string]any{"partitions": 1},
	}
}

// A version is one of a resource's history.
type version struct {
	Resource struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	} `json:"resource"`
	Revision int64  `json:"revision"`
	Request  string `json:"request"`
}

func (v version) number(t *testing.T) int64 {
	t.Helper()
	n, err := strconv.ParseInt(v.Resource.Metadata.Annotations[number], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func history(n *node, name string) []version {
	n.t.Helper()
	var h struct {
		Versions []version `json:"versions"`
	}
	n.read("/v1/resources/Topic/"+name+"/history", &h)
	return h.Versions
}

func startNodes(t *testing.T) []*node {
	token := filepath.Join(t.TempDir(), "token")
	var all []*node
	for range nodes {
		all = append(all, startNode(t, token))
	}
	return all
}

// underKills runs work on each node until it is told to stop, and meanwhile kills nodes,
// one at a time.
func underKills(t *testing.T, all []*node, work func(n *node, stop <-chan struct{})) {
	stop := make(chan struct{})
	var working sync.WaitGroup
	for _, n := range all {
		working.Go(func() { work(n, stop) })
	}
	for range kills {
		time.Sleep(time.Duration(500+rand.IntN(1500)) * time.Millisecond) // it is under load
		n := all[rand.IntN(len(all))]
		n.kill()
		n.start()
	}
	close(stop)
	working.Wait()
}

func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// Each request declares both topics of a pair with one number.
func TestRequestsAreDoneWholeOrNotAtAllWhileNodesAreKilled(t *testing.T) {
	all := startNodes(t)
	name := func(pair int, side string) string { return fmt.Sprintf("whole-%d-%s", pair, side) }
	var next atomic.Int64
	var granted sync.Map // numbers
	underKills(t, all, func(n *node, stop <-chan struct{}) {
		for !stopped(stop) {
			i := next.Add(1)
			pair := int(i % pairs)
			status, _, err := n.ask(http.MethodPost, "/v1/resources", map[string]any{
				"resources": []any{declaration(name(pair, "a"), i), declaration(name(pair, "b"), i)},
			})
			if err == nil && status == http.StatusOK {
				granted.Store(i, pair)
			}
			if err != nil {
				time.Sleep(50 * time.Millisecond) // it is killed
			}
		}
	})
	left := 0
	granted.Range(func(_, _ any) bool { left++; return true })
	t.Logf("%d requests, %d granted", next.Load(), left)
	for pair := range pairs {
		a, b := history(all[0], name(pair, "a")), history(all[0], name(pair, "b"))
		if len(a) != len(b) {
			t.Fatalf("pair %d: %d and %d versions", pair, len(a), len(b))
		}
		for i := range a {
			if a[i].number(t) != b[i].number(t) || a[i].Request != b[i].Request {
				t.Errorf("pair %d: version %d has the numbers %d and %d", pair, i, a[i].number(t), b[i].number(t))
			}
			granted.Delete(a[i].number(t))
		}
	}
	granted.Range(func(i, _ any) bool {
		t.Errorf("request %v was granted, and is in no history", i)
		return true
	})
	sameEverywhere(t, all)
}

// sameEverywhere: all nodes say the same of what is declared.
func sameEverywhere(t *testing.T, all []*node) {
	type listing struct {
		Revision  int64            `json:"revision"`
		Resources []map[string]any `json:"resources"`
	}
	var first listing
	all[0].read("/v1/resources", &first)
	for _, n := range all[1:] {
		var l listing
		n.read(fmt.Sprintf("/v1/resources?after=%d", first.Revision), &l)
		if l.Revision == first.Revision && !reflect.DeepEqual(l, first) {
			t.Errorf("at revision %d nodes differ:\n%v\n%v", l.Revision, first, l)
		}
	}
}

// Each writer adds one to the number that it has read.
func TestNobodyOverwritesWhatHeHasNotSeenWhileNodesAreKilled(t *testing.T) {
	all := startNodes(t)
	const path = "/v1/resources/Topic/counter"
	await(t, "the counter is declared", func() bool {
		status, _, err := all[0].ask(http.MethodPut, path, declaration("counter", 0))
		return err == nil && status == http.StatusOK
	})
	var granted, refused atomic.Int64
	underKills(t, all, func(n *node, stop <-chan struct{}) {
		for !stopped(stop) {
			v, ok := seen(n, path)
			if !ok {
				time.Sleep(50 * time.Millisecond) // it is killed
				continue
			}
			status, _, err := n.ask(http.MethodPut, path, declaration("counter", v.number(t)+1), "If-Match", strconv.Quote(strconv.FormatInt(v.Revision, 10)))
			switch {
			case err == nil && status == http.StatusOK:
				granted.Add(1)
			case err == nil && status == http.StatusPreconditionFailed:
				refused.Add(1)
			}
		}
	})
	versions := history(all[0], "counter")
	for i, v := range versions {
		if v.number(t) != int64(i) {
			t.Fatalf("version %d of the counter is %d", i, v.number(t))
		}
	}
	t.Logf("%d increments granted, %d refused, %d in the history", granted.Load(), refused.Load(), len(versions)-1)
	if int64(len(versions)-1) < granted.Load() {
		t.Errorf("%d increments were granted, and %d are there", granted.Load(), len(versions)-1)
	}
	sameEverywhere(t, all)
}

func seen(n *node, path string) (v version, ok bool) {
	status, text, err := n.ask(http.MethodGet, path, nil)
	if err != nil || status != http.StatusOK {
		return v, false
	}
	return v, decode(text, &v) == nil
}
