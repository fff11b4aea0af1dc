package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidentlog/evident/internal/ledger/erasure"
	"github.com/evidentlog/evident/internal/ledger/opening"
	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// An outsider uses a node that is stopped and started, and remembers what it was
// told.
type outsider struct {
	*Node
	plain, payments *kgo.Client
	made            int // records that were produced, or may be

	keys         string // of the ledger, when first seen
	notes        map[string]map[string]bool
	acknowledged map[opening.Place]string
	letGo        map[opening.Place]bool // records that were to be erased or deleted
	erased       map[opening.Place]bool // those whose erasure was answered
}

func newOutsider() *outsider {
	return &outsider{
		notes: map[string]map[string]bool{}, acknowledged: map[opening.Place]string{},
		letGo: map[opening.Place]bool{}, erased: map[opening.Place]bool{},
	}
}

// use does all that changes a node's folder, over one restart, until something
// fails.
func (o *outsider) use(ctx context.Context, disk vfs.FS) error {
	if err := o.during(ctx, disk, o.produce, o.pay, o.look, o.erase, o.produceLarge, o.look); err != nil {
		return err
	}
	return o.during(ctx, disk, o.look, o.pay, o.deleteRecords, o.look, o.erase, o.produce, o.look)
}

// check holds the node to what was said, and goes on with it.
func (o *outsider) check(ctx context.Context, disk vfs.FS) error {
	return o.during(ctx, disk, o.recall, o.produce, o.pay, o.look, o.recall)
}

// during starts the node, takes the steps, and stops it.
func (o *outsider) during(ctx context.Context, disk vfs.FS, steps ...func(context.Context) error) (err error) {
	o.Node, err = Start(ctx, Config{
		FS: disk, Data: "/data", Kafka: []Listener{}, HTTP: []Listener{}, LedgerOrigin: "example.com/events",
		Partitions: 2, OffsetsPartitions: 1, TransactionsPartitions: 1, ShareStatePartitions: 1,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	options := []kgo.Opt{kgo.AllowAutoTopicCreation(), kgo.RecordPartitioner(kgo.ManualPartitioner())}
	if o.plain, err = o.Client(options...); err != nil {
		return err
	}
	defer o.plain.Close()
	if o.payments, err = o.Client(append(options, kgo.TransactionalID("payments"))...); err != nil {
		return err
	}
	defer o.payments.Close()
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// some makes records, each unlike all others, for both partitions.
func (o *outsider) some(topic, filling string) (list []*kgo.Record) {
	for p := range int32(2) {
		for range 3 {
			o.made++
			value := fmt.Sprintf("order %d %s", o.made, filling)
			list = append(list, &kgo.Record{Topic: topic, Partition: p, Key: fmt.Append(nil, o.made), Value: []byte(value)})
		}
	}
	return list
}

func (o *outsider) remember(list []*kgo.Record) {
	for _, r := range list {
		o.acknowledged[opening.Place{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}] = string(r.Value)
	}
}

func (o *outsider) produce(ctx context.Context) error { return o.send(ctx, "") }

func (o *outsider) produceLarge(ctx context.Context) error {
	return o.send(ctx, strings.Repeat("large ", 50_000))
}

func (o *outsider) send(ctx context.Context, filling string) error {
	list := o.some("orders", filling)
	if err := o.plain.ProduceSync(ctx, list...).FirstErr(); err != nil {
		return err
	}
	o.remember(list)
	return nil
}

// pay produces in a transaction.
func (o *outsider) pay(ctx context.Context) error {
	list := o.some("payments", "")
	if err := o.payments.BeginTransaction(); err != nil {
		return err
	}
	if err := o.payments.ProduceSync(ctx, list...).FirstErr(); err != nil {
		return err
	}
	if err := o.payments.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return err
	}
	o.remember(list)
	return nil
}

// erase erases the first record that is left of orders/0.
func (o *outsider) erase(ctx context.Context) error {
	at := opening.Place{Topic: "orders"}
	for o.letGo[at] {
		at.Offset++
	}
	o.letGo[at] = true
	_, err := o.ledger.eraser.Erase(ctx, erasure.Request{Records: []string{at.String()}}, "User:alice")
	o.erased[at] = err == nil
	return err
}

// deleteRecords moves the start of orders/1.
func (o *outsider) deleteRecords(ctx context.Context) error {
	var to kadm.Offsets
	to.AddOffset("orders", 1, 2, -1)
	for offset := range int64(2) {
		o.letGo[opening.Place{Topic: "orders", Partition: 1, Offset: offset}] = true
	}
	got, err := kadm.NewClient(o.plain).DeleteRecords(ctx, to)
	return errors.Join(err, got.Error())
}

// logs are the paths of all logs of the ledger.
func logs() []string {
	return []string{
		"/ledger/root/", "/ledger/topics/orders/0/", "/ledger/topics/orders/1/",
		"/ledger/topics/payments/0/", "/ledger/topics/payments/1/",
	}
}

// look waits until the ledger has what was produced, and reads what it shows.
func (o *outsider) look(ctx context.Context) error {
	if err := o.lookAtKeys(); err != nil {
		return err
	}
	for _, path := range logs() {
		if err := o.lookAt(ctx, path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func (o *outsider) lookAt(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		signed, seen, err := o.checkpoint(path)
		if err == nil && seen.Size >= o.produced(path) {
			if o.notes[path] == nil {
				o.notes[path] = map[string]bool{}
			}
			o.notes[path][signed] = true
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it should have %d leaves: %+v, %w, %w", o.produced(path), seen, err, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// produced is how many leaves a log must come to have.
func (o *outsider) produced(path string) (size int64) {
	for at := range o.acknowledged {
		if path == fmt.Sprintf("/ledger/topics/%s/%d/", at.Topic, at.Partition) {
			size = max(size, at.Offset+1)
		}
	}
	return size
}

// checkpoint is a log's newest.
func (o *outsider) checkpoint(path string) (signed string, c proof.Checkpoint, err error) {
	signed, err = o.get(path + "checkpoint")
	if err == nil {
		c, err = o.open(signed)
	}
	return signed, c, err
}

func (o *outsider) lookAtKeys() error {
	keys, err := o.get("/ledger/vkey")
	if err != nil {
		return err
	}
	if o.keys != "" && o.keys != keys {
		return fmt.Errorf("the keys were\n%sand are\n%s", o.keys, keys)
	}
	o.keys = keys
	return nil
}

// open reads a checkpoint, of which it checks the signature.
func (o *outsider) open(signed string) (proof.Checkpoint, error) {
	name, _, _ := strings.Cut(signed, "\n")
	key, err := o.ProofKeys()[0].Named(name)
	if err != nil {
		return proof.Checkpoint{}, err
	}
	n, err := note.Open([]byte(signed), note.VerifierList(key))
	if err != nil {
		return proof.Checkpoint{}, err
	}
	return proof.ParseCheckpoint(n.Text)
}

// recall holds what is there against all that was seen.
func (o *outsider) recall(ctx context.Context) error {
	for at, value := range o.acknowledged {
		if err := o.recallRecord(ctx, at, value); err != nil {
			return fmt.Errorf("%v: %w", at, err)
		}
	}
	for path, notes := range o.notes {
		if err := o.recallLog(ctx, path, notes); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// recallRecord proves a record, unless it was to go.
func (o *outsider) recallRecord(ctx context.Context, at opening.Place, value string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	f, err := o.Prove(ctx, at.Topic, at.Partition, at.Offset)
	isGone := errors.Is(err, store.ErrErased) || errors.Is(err, opening.ErrNoRecord)
	switch {
	case o.erased[at] && !isGone:
		return fmt.Errorf("it was erased, and its proof is %v", err)
	case o.letGo[at] && isGone:
		return nil
	case err != nil:
		return err
	}
	r, err := f.Verify(proof.Trust{Keys: o.ProofKeys()})
	if err != nil {
		return err
	}
	if got := r.Heads[0].Records[0].Record; string(got.Value) != value {
		return fmt.Errorf("it was %.20q and is %.20q", value, got.Value)
	}
	return nil
}

// recallLog checks that a log is a continuation of what was seen of it.
func (o *outsider) recallLog(ctx context.Context, path string, notes map[string]bool) error {
	_, now, err := o.checkpoint(path)
	if err != nil {
		return err
	}
	site, err := remote.NewSite("http://node", remote.Config{HTTP: &http.Client{Transport: o}})
	if err != nil {
		return err
	}
	for note := range notes {
		was, err := o.open(note)
		if err != nil {
			return err
		}
		if was.Origin != now.Origin || was.Size > now.Size {
			return fmt.Errorf("it was %d of %s, and is %d of %s", was.Size, was.Origin, now.Size, now.Origin)
		}
		roots, err := site.Log(path).At(now).Roots(ctx, was.Size)
		if err != nil {
			return err
		}
		if roots[0] != was.Root {
			return fmt.Errorf("the root of %d was %v, and is %v", was.Size, was.Root, roots[0])
		}
	}
	return nil
}

// RoundTrip asks the node without a network.
func (o *outsider) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r = r.Clone(r.Context())
	r.RemoteAddr, r.Host = "127.0.0.1:5000", "localhost"
	o.handler().ServeHTTP(w, r)
	return w.Result(), nil
}

func (o *outsider) get(path string) (string, error) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	resp, err := o.RoundTrip(r)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", path, resp.Status, text)
	}
	return string(text), err
}
