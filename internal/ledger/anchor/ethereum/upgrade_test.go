package ethereum

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/ledger/anchor"
	"github.com/evidentlog/evident/proof/ethereum"
)

const checkpoint = "example.com/events\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— example.com/events AAAAAAAA\n"

// A fakeNode answers JSON-RPC with what a test says, and notes what it is sent.
type fakeNode struct {
	answers map[string]string // results in JSON, by method; "!…" is an error
	sent    []string          // transactions
}

func (n *fakeNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Method string `json:"method"`
		Params []any  `json:"params"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if request.Method == "eth_sendRawTransaction" {
		n.sent = append(n.sent, request.Params[0].(string))
	}
	answer, ok := n.answers[request.Method]
	message, failed := strings.CutPrefix(answer, "!")
	switch {
	case !ok:
		http.Error(w, "no "+request.Method, http.StatusBadGateway)
	case failed:
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":%q}}`, message)
	default:
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":%s}`, answer)
	}
}

// gwei is 10^9 wei, in hexadecimal.
const gwei = "3b9aca00"

func newFake(t *testing.T, maxFee *big.Int) (*Anchor, *fakeNode) {
	t.Helper()
	k, err := ParseKey(strings.Repeat("1", 64))
	if err != nil {
		t.Fatal(err)
	}
	own := k.Address()
	n := &fakeNode{answers: map[string]string{
		"eth_chainId":               `"0x1"`,
		"eth_getTransactionCount":   `"0x5"`,
		"eth_estimateGas":           `"0x8000"`,
		"eth_maxPriorityFeePerGas":  `"0x1"`,
		"eth_getBlockByNumber":      `{"baseFeePerGas":"0x` + gwei + `"}`,
		"eth_getStorageAt":          `"0x` + fmt.Sprintf("%024x%x", 6, own[:]) + `"`, // size 6
		"eth_getTransactionReceipt": `null`,
		"eth_sendRawTransaction":    `"0x00"`,
	}}
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	return New(Config{URL: server.URL, Contract: ethereum.Address{1}, Key: k, MaxFee: maxFee, Client: anchor.NewClient()}), n
}

func submit(t *testing.T, a *Anchor) anchor.Receipt {
	t.Helper()
	r, err := a.Submit(t.Context(), checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func upgrade(t *testing.T, a *Anchor, r anchor.Receipt) anchor.Receipt {
	t.Helper()
	r, err := a.Upgrade(t.Context(), checkpoint, r)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestATransactionIsKeptBeforeItIsSent(t *testing.T) {
	a, n := newFake(t, nil)
	r := submit(t, a)
	if len(n.sent) != 0 {
		t.Fatal("it was sent before it could be kept")
	}
	upgrade(t, a, r)
	n.answers["eth_sendRawTransaction"] = "!already known"
	upgrade(t, a, r) // as after a restart
	if len(n.sent) != 2 || n.sent[0] != n.sent[1] {
		t.Errorf("sent %v", n.sent)
	}
	n.answers["eth_sendRawTransaction"] = "!insufficient funds for gas"
	if _, err := a.Upgrade(t.Context(), checkpoint, r); err == nil || errors.Is(err, anchor.ErrLost) || !strings.Contains(err.Error(), "insufficient funds") {
		t.Errorf("got %v", err)
	}
}

func TestADearerBlockMakesADearerTransaction(t *testing.T) {
	a, n := newFake(t, nil)
	r := submit(t, a)
	n.answers["eth_getBlockByNumber"] = `{"baseFeePerGas":"0x` + gwei + `0"}`
	better := upgrade(t, a, r)
	if len(n.sent) != 0 || string(better.Data) == string(r.Data) {
		t.Fatalf("sent %v; the receipt is %x", n.sent, better.Data)
	}
	attempts, err := parseAttempts(better.Data)
	if err != nil || len(attempts) != 2 {
		t.Fatalf("%d attempts, %v", len(attempts), err)
	}
	first, err1 := parseTransaction(attempts[0])
	second, err2 := parseTransaction(attempts[1])
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if first.nonce != second.nonce || second.maxFee.Cmp(first.maxFee) <= 0 || second.tip.Cmp(first.tip) <= 0 {
		t.Errorf("first %+v, then %+v", first, second)
	}
	upgrade(t, a, better)
	if len(n.sent) != 1 || n.sent[0] != fmt.Sprintf("0x%x", attempts[1]) {
		t.Errorf("sent %v", n.sent)
	}
}

func TestNoMoreIsOfferedThanIsAllowed(t *testing.T) {
	allowed, _ := new(big.Int).SetString(gwei, 16)
	a, n := newFake(t, allowed)
	attempts, err := parseAttempts(submit(t, a).Data)
	if err != nil {
		t.Fatal(err)
	}
	if tx, err := parseTransaction(attempts[0]); err != nil || tx.maxFee.Cmp(allowed) != 0 {
		t.Errorf("offered %v, %v", tx, err)
	}
	n.answers["eth_getBlockByNumber"] = `{"baseFeePerGas":"0x` + gwei + `0"}`
	if _, err := a.Submit(t.Context(), checkpoint); err == nil || !strings.Contains(err.Error(), "at most 1000000000 were allowed") {
		t.Errorf("got %v", err)
	}
}

func TestWhatCanNeverCountIsLost(t *testing.T) {
	for name, alter := range map[string]func(*fakeNode, *anchor.Receipt){
		"refused by the contract": func(n *fakeNode, _ *anchor.Receipt) {
			n.answers["eth_getTransactionReceipt"] = `{"status":"0x0","blockNumber":"0x9","blockHash":"0x00","contractAddress":null}`
		},
		"another has its number": func(n *fakeNode, _ *anchor.Receipt) { n.answers["eth_getTransactionCount"] = `"0x6"` },
		"garbage":                func(_ *fakeNode, r *anchor.Receipt) { r.Data = []byte("?") },
	} {
		a, n := newFake(t, nil)
		r := submit(t, a)
		alter(n, &r)
		if _, err := a.Upgrade(t.Context(), checkpoint, r); !errors.Is(err, anchor.ErrLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestANodeThatFailsIsNotBelieved(t *testing.T) {
	huge := `"` + strings.Repeat("0", maxAnswer) + `"`
	for name, answer := range map[string]string{
		"an error": "!busy", "no number": `"7"`, "garbage": `{`, "null": `null`, "huge": huge,
	} {
		a, n := newFake(t, nil)
		r := submit(t, a)
		n.answers["eth_getTransactionCount"] = answer
		if got, err := a.Upgrade(t.Context(), checkpoint, r); name != "null" && (err == nil || errors.Is(err, anchor.ErrLost)) || got.State != anchor.Pending {
			t.Errorf("%s: state %d, %v", name, got.State, err)
		}
	}
	a, n := newFake(t, nil)
	n.answers["eth_getStorageAt"] = `"0x` + strings.Repeat("00", 32) + `"`
	if _, err := a.Submit(t.Context(), checkpoint); err == nil || !strings.Contains(err.Error(), "there is no contract of Evident") {
		t.Errorf("an empty account: %v", err)
	}
}
