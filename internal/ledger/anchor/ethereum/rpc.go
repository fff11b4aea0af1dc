package ethereum

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
)

// maxAnswer bounds what is read of an answer, in bytes: a block with the hashes
// of its transactions is far below it.
const maxAnswer = 4 << 20

// rpc calls methods of an Ethereum node.
type rpc struct {
	url    string
	client *http.Client
}

// rpcError is what a node says is wrong with a request.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string {
	return fmt.Sprintf("the Ethereum node answers %.300q (code %d)", e.Message, e.Code)
}

// call calls a method and puts its result where result points.
func (r *rpc) call(ctx context.Context, result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	request, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	answer, err := r.post(ctx, request)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	var a struct {
		Result json.RawMessage `json:"result"`
		Error  *rpcError       `json:"error"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return fmt.Errorf("%s: the Ethereum node's answer is none: %w", method, err)
	}
	if a.Error != nil {
		return fmt.Errorf("%s: %w", method, a.Error)
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return fmt.Errorf("%s: the Ethereum node's result is none: %w", method, err)
	}
	return nil
}

// post sends a request. Its errors do not have the URL, which may have a key in it.
func (r *rpc) post(ctx context.Context, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the Ethereum node's URL has no host or cannot be read: it must be like https://rpc.example.org/")
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the Ethereum node at %s: %w", req.URL.Host, errors.Unwrap(err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the Ethereum node at %s: %w", req.URL.Host, err)
	case len(answer) > maxAnswer:
		return nil, fmt.Errorf("the Ethereum node at %s answers more than %d bytes", req.URL.Host, maxAnswer)
	case resp.StatusCode != http.StatusOK && !json.Valid(answer):
		return nil, fmt.Errorf("the Ethereum node at %s answers %s", req.URL.Host, resp.Status)
	}
	return answer, nil
}

// A quantity is a number in JSON-RPC: 0x and hexadecimal digits.
type quantity struct{ big.Int }

func (q *quantity) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	digits, ok := strings.CutPrefix(s, "0x")
	const most = 64 // 256 bits
	if !ok || len(digits) > most {
		return fmt.Errorf("%.80q is no quantity", s)
	}
	if _, ok := q.SetString(digits, 16); !ok {
		return fmt.Errorf("%q is no quantity", s)
	}
	return nil
}

func (q quantity) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprintf("%#x", &q.Int)) }

// number makes a quantity.
func number(n uint64) quantity {
	var q quantity
	q.SetUint64(n)
	return q
}

// data is bytes in JSON-RPC: 0x and two hexadecimal digits each.
type data []byte

func (d *data) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok {
		return fmt.Errorf("%.80q is no data", s)
	}
	var err error
	*d, err = hex.DecodeString(digits)
	return err
}

func (d data) MarshalJSON() ([]byte, error) { return json.Marshal("0x" + hex.EncodeToString(d)) }
