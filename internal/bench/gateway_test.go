package bench

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// taker is a gateway that takes everything and looks at it.
type taker struct {
	mu  sync.Mutex
	ids map[string]bool
	err error
}

func (g *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		g.take(event.Event{}, err)
		return
	}
	if event.ModeOf(r.Header.Get("Content-Type")) != event.ModeBatch {
		g.take(event.FromHTTP(r.Header, body))
	} else {
		batch := event.NewBatchReader(strings.NewReader(string(body)), event.Limits{})
		for e, err := batch.Next(); err != io.EOF; e, err = batch.Next() {
			text, _ := e.AppendJSON(nil)
			if err == nil && len(text) != 300 {
				err = fmt.Errorf("an event has %d bytes", len(text))
			}
			g.take(e, err)
		}
	}
	w.WriteHeader(http.StatusAccepted)
}

func (g *taker) take(e event.Event, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil && g.ids[e.ID] {
		err = fmt.Errorf("the id %s comes twice", e.ID)
	}
	if g.ids[e.ID] = true; err != nil && g.err == nil {
		g.err = err
	}
}

func TestGatewayIsSentEventsOfTheSizeThatHaveIDsOfTheirOwn(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	g := &taker{ids: map[string]bool{}}
	server := httptest.NewServer(g)
	defer server.Close()
	cfg := GatewayConfig{
		Target: Target{Client: []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}}, URL: server.URL,
		EventSize: 300, BatchEvents: 7, Connections: 3, Duration: 20 * time.Millisecond, Warmup: -1, Rounds: 1,
	}
	res, err := Gateway(t.Context(), cfg)
	if err != nil || g.err != nil {
		t.Fatal(err, g.err)
	}
	if got := res.Batch[0].Events + res.Single[0].Events; got == 0 || got != int64(len(g.ids)) {
		t.Errorf("it counts %d events, and %d came", got, len(g.ids))
	}
	var text strings.Builder
	if err := res.WriteText(&text); err != nil || !strings.Contains(text.String(), "batches of 7, 4 connections") {
		t.Errorf("%s, %v", text.String(), err)
	}
}
