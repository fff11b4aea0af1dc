package node

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/evidentlog/evident/internal/auth/token"
	"github.com/evidentlog/evident/internal/vfs"
)

// reachedAt is a node with a token that others reach under an address.
func reachedAt(t token.Token, address string) *Node {
	return &Node{token: t, cfg: Config{HTTP: []Listener{{Name: "http", Address: address, Advertise: address}}}}
}

// What one node passes on is answered by another on another machine, and shows nobody
// else anything.
func TestANodeReadsFromTheOneThatItAsks(t *testing.T) {
	common, err := token.Load(vfs.NewMem(), "/token")
	if err != nil {
		t.Fatal(err)
	}
	other, err := token.Load(vfs.NewMem(), "/token")
	if err != nil {
		t.Fatal(err)
	}
	var asked *http.Request
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = r }))
	defer s.Close()
	forward, err := reachedAt(common, "192.0.2.1:8080").forwarder()
	if err != nil {
		t.Fatal(err)
	}
	resp, err := forward(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/processors/counter/state/key", nil), s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	asked.RemoteAddr = "192.0.2.1:5000" // as from another machine
	address := s.Listener.Addr().String()
	if err := reachedAt(common, address).mayRead(asked); err != nil {
		t.Error(err)
	}
	for name, n := range map[string]*Node{
		"with another token":   reachedAt(other, address),
		"without a token":      reachedAt(token.Token{}, address),
		"at another address":   reachedAt(common, "192.0.2.2:8080"),
		"that cannot be asked": {token: common},
	} {
		if n.mayRead(asked) == nil {
			t.Errorf("a node %s lets it read", name)
		}
	}
	if asked.RemoteAddr = "127.0.0.1:5000"; reachedAt(token.Token{}, address).mayRead(asked) != nil {
		t.Error("a node without a token lets nobody on its machine read")
	}
}
