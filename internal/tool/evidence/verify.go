package evidence

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/proof"
)

// Verify is "evident verify".
type Verify struct {
	// Keys are verifier keys of the root log, or names of files with some.
	Keys []string
	// Policy is the name of a file with a policy (C2SP tlog-policy).
	Policy string
	// Blocks are what receipts of anchors are checked against.
	Blocks
}

// Checked is what "evident verify" prints for scripts: docs/format/verify.md.
type Checked struct {
	Proven bool   `json:"proven"`
	Error  string `json:"error,omitempty"` // why not
	Heads  []Head `json:"heads,omitempty"`
}

// Head is one head of the root log with the records that it proves.
type Head struct {
	Deployment string    `json:"deployment"`
	RootSize   int64     `json:"root_size"`
	Origin     string    `json:"origin"`
	Size       int64     `json:"size"`
	SignedBy   []string  `json:"signed_by"`
	LoggedAt   time.Time `json:"logged_at"`
	Cosigned   []string  `json:"cosigned_by"`
	Existed    []Existed `json:"existed"`
	Unchecked  []string  `json:"unchecked"`
	// Engine is "embedded" for a log that removes nothing before the ledger has it,
	// "external" for a cluster that may.
	Engine  string   `json:"engine"`
	Records []Record `json:"records"`
}

// Existed is what is certain about time: NotAfter is Clock and Accuracy added.
type Existed struct {
	By       string    `json:"by"`
	NotAfter time.Time `json:"not_after"`
	Clock    time.Time `json:"clock"`            // as the witness, or the block, has it
	Accuracy int64     `json:"accuracy_seconds"` // by how much that may be behind
}

// Record is one that was proven.
type Record struct {
	Topic      string `json:"topic"`
	TopicID    string `json:"topic_id"`
	Partition  int32  `json:"partition"`
	Generation int32  `json:"generation"`
	Offset     int64  `json:"offset"`
	Kind       string `json:"kind"` // record, control, lost
	// Keys and values that are not UTF-8 text stand in fields with "_base64", as
	// "evident consume" has them.
	Key         *string  `json:"key"`
	KeyB64      []byte   `json:"key_base64,omitempty"`
	Value       *string  `json:"value"`
	ValueB64    []byte   `json:"value_base64,omitempty"`
	Headers     []Header `json:"headers"`
	Timestamp   *int64   `json:"timestamp"`    // ms since the epoch; whatever a producer says
	TimestampBy string   `json:"timestamp_by"` // producer or log
	CommittedAt *int64   `json:"committed_at"` // offset of the marker
	// CommitCertain tells that the marker can have ended no other transaction.
	CommitCertain *bool `json:"commit_certain"`
}

// Header is a header of a record.
type Header struct {
	Key      string  `json:"key"`
	KeyB64   []byte  `json:"key_base64,omitempty"` // instead of a key that is not UTF-8 text
	Value    *string `json:"value"`
	ValueB64 []byte  `json:"value_base64,omitempty"`
}

// Run checks a proof file.
func (v Verify) Run(env tool.Env, name string) error {
	trust, err := v.trust()
	if err != nil {
		return err
	}
	text, err := read(env, name)
	if err != nil {
		return tool.Usagef("the proof file cannot be read: %v", err)
	}
	checked, failed := check(string(text), trust)
	if failed != nil && !env.JSON {
		return fmt.Errorf("%s: NOT PROVEN: %w", name, failed)
	}
	if err := env.Print(checked, checked.text); err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("%s: NOT PROVEN: %w", name, failed)
	}
	return nil
}

// read returns a file, or standard input.
func read(env tool.Env, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(env.In)
	}
	return os.ReadFile(name)
}

// trust reads keys and policy.
func (v Verify) trust() (proof.Trust, error) {
	if len(v.Keys) == 0 && v.Policy == "" {
		return proof.Trust{}, tool.Usagef("whom do you trust? Give the log's key with --vkey (its owner publishes it, and a node shows it at /ledger/vkey), or a policy with --policy")
	}
	t, err := readTrust(v.Keys, v.Policy)
	t.Now = time.Now()
	if err == nil && len(t.LogKeys()) == 0 {
		err = tool.Usagef("%s names no log, and no key is given: give the log's key with --vkey, or a line with \"log\" and the key in the policy", v.Policy)
	}
	if err == nil {
		t.Anchors, err = v.anchors()
	}
	return t, err
}

// readKeys reads a key, or a file with a key on each line.
func readKeys(given string) ([]*proof.Verifier, error) {
	lines := []string{given}
	if !strings.Contains(given, "+") {
		text, err := os.ReadFile(given)
		if err != nil {
			return nil, tool.Usagef("--vkey %q is neither a verifier key (name+hash+key) nor a file with some: %v", given, err)
		}
		lines = strings.Split(string(text), "\n")
	}
	var keys []*proof.Verifier
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if word, _, _ := strings.Cut(line, " "); slices.Contains([]string{"log", "witness", "group", "quorum"}, word) {
			return nil, tool.Usagef("--vkey: %s is a policy: give it with --policy", given)
		}
		key, err := proof.ParseVerifier(line)
		if err != nil {
			return nil, &tool.UsageError{Err: fmt.Errorf("--vkey: %w", err)}
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, tool.Usagef("--vkey: there is no key in %s", given)
	}
	return keys, nil
}

func check(text string, trust proof.Trust) (Checked, error) {
	f, err := proof.ParseFile(text)
	var r *proof.Report
	if err == nil {
		r, err = f.Verify(trust)
	}
	if err == nil && records(r) == 0 {
		err = errors.New("the file proves no record")
	}
	if err != nil {
		return Checked{Error: err.Error()}, err
	}
	c := Checked{Proven: true}
	for i := range r.Heads {
		c.Heads = append(c.Heads, newHead(&r.Heads[i]))
	}
	return c, nil
}

func records(r *proof.Report) (n int) {
	for _, h := range r.Heads {
		n += len(h.Records)
	}
	return n
}

func newHead(p *proof.ProvenHead) Head {
	h := Head{
		Deployment: p.Tree.Deployment, RootSize: p.Root.Size, Origin: p.Head.Origin, Size: p.Head.Size,
		SignedBy: p.SignedBy, LoggedAt: p.LoggedAt, Cosigned: append([]string{}, p.Cosigned...), Existed: []Existed{}, Unchecked: append([]string{}, p.Unknown...),
		Engine: "embedded",
	}
	if p.External {
		h.Engine = "external"
	}
	for _, e := range p.Existed {
		h.Existed = append(h.Existed, Existed{e.By, e.NotAfter(), e.Clock, int64(e.Accuracy / time.Second)})
	}
	for i := range p.Records {
		h.Records = append(h.Records, newRecord(p.Tree, &p.Records[i]))
	}
	return h
}

func newRecord(t proof.Tree, p *proof.ProvenRecord) Record {
	r := Record{
		Topic: t.Topic, TopicID: t.TopicID, Partition: t.Partition, Generation: t.Generation, Offset: p.Offset,
		Kind: kinds[p.Record.Kind], Headers: []Header{}, TimestampBy: "producer",
	}
	r.Key, r.KeyB64 = textOrBytes(p.Record.Key)
	r.Value, r.ValueB64 = textOrBytes(p.Record.Value)
	if p.Record.LogAppendTime || p.Record.Kind == proof.Control {
		r.TimestampBy = "log"
	}
	if p.Record.Timestamp >= 0 {
		r.Timestamp = &p.Record.Timestamp
	}
	if p.CommittedAt >= 0 {
		r.CommittedAt, r.CommitCertain = &p.CommittedAt, &p.OneTransaction
	}
	for _, h := range p.Record.Headers {
		r.Headers = append(r.Headers, newHeader(h))
	}
	return r
}

func newHeader(h proof.Header) Header {
	var shown Header
	if key, bytes := textOrBytes([]byte(h.Key)); key != nil {
		shown.Key = *key
	} else {
		shown.KeyB64 = bytes
	}
	shown.Value, shown.ValueB64 = textOrBytes(h.Value)
	return shown
}

var kinds = map[proof.Kind]string{proof.Data: "record", proof.Control: "control", proof.Lost: "lost"}

// textOrBytes returns b as text if it is some, else as bytes, and neither for nil.
func textOrBytes(b []byte) (*string, []byte) {
	if b == nil {
		return nil, nil
	}
	if !utf8.Valid(b) {
		return nil, b
	}
	s := string(b)
	return &s, nil
}

// text says in plain words what is proven and what is not.
func (c Checked) text(w io.Writer) {
	if n := c.count(); n > 1 {
		c.bundleText(w, n)
		return
	}
	for i := range c.Heads {
		h := &c.Heads[i]
		for j := range h.Records {
			h.Records[j].text(w, h)
		}
		h.text(w)
	}
}

func (r *Record) text(w io.Writer, h *Head) {
	fmt.Fprintf(w, "PROVEN: %s/%d@%d\n", r.Topic, r.Partition, r.Offset)
	switch r.Kind {
	case "lost":
		fmt.Fprintln(w, "  The ledger found no record at this offset.")
	case "control":
		fmt.Fprintln(w, "  At this offset is a control record, such as the marker that ends a transaction, unaltered.")
	default:
		fmt.Fprintln(w, "  This record was in the log at this offset, with this content, unaltered:")
		tool.Row(w, "    key", show(r.Key, r.KeyB64))
		tool.Row(w, "    value", show(r.Value, r.ValueB64))
		for _, header := range r.Headers {
			tool.Row(w, "    header "+show(&header.Key, header.KeyB64), show(header.Value, header.ValueB64))
		}
	}
	r.commitText(w)
	if r.Timestamp != nil && r.TimestampBy == "producer" {
		at := time.UnixMilli(*r.Timestamp).UTC().Format(time.RFC3339Nano)
		fmt.Fprintf(w, "  Its producer says that it was made at %s. That is the producer's claim, and not proven.\n", at)
	}
}

func (r *Record) commitText(w io.Writer) {
	if r.CommittedAt == nil {
		return
	}
	fmt.Fprintf(w, "  Its transaction was committed at offset %d.\n", *r.CommittedAt)
	if !*r.CommitCertain {
		fmt.Fprintln(w, "  Not proven: that this marker is its transaction's, and not that of a later one of the same producer, after its own was aborted. Only producers with Kafka 4's transactions (KIP-890) can show that.")
	}
}

// show gives a value to read: short, and without what a terminal would obey.
func show(s *string, other []byte) string {
	const most = 200
	switch {
	case s == nil && other == nil:
		return "none"
	case other != nil:
		if len(other) > most {
			return fmt.Sprintf("0x%x and %d more bytes (-o json shows all)", other[:most], len(other)-most)
		}
		return fmt.Sprintf("0x%x", other)
	}
	if short := []rune(*s); len(short) > most {
		return fmt.Sprintf("%q and %d more characters (-o json shows all)", string(short[:most]), len(short)-most)
	}
	return fmt.Sprintf("%q", *s)
}

func (h *Head) text(w io.Writer) {
	fmt.Fprintf(w, "By %s, signed with %s:\n", h.Deployment, strings.Join(h.SignedBy, " and "))
	fmt.Fprintf(w, "  The tree %s has %s, and the root log, in which it stands, %s.\n",
		h.Origin, tool.Plural(h.Size, "record"), entries(h.RootSize))
	fmt.Fprintf(w, "  The log says that it stood there at %s. That is the log's claim.\n", h.LoggedAt.Format(time.RFC3339Nano))
	for _, e := range h.Existed {
		e.text(w)
	}
	switch {
	case len(h.Cosigned) > 0:
		fmt.Fprintf(w, "  It was cosigned by who had seen no other version of the log: %s.\n", strings.Join(h.Cosigned, ", "))
		if len(h.Existed) == 0 {
			fmt.Fprintln(w, "  No witness or anchor has confirmed a time.")
		}
	case len(h.Existed) == 0:
		fmt.Fprintln(w, "  No witness or anchor has confirmed a time, or that there is no other version of the log.")
	default:
		fmt.Fprintln(w, "  No witness has confirmed that there is no other version of the log.")
	}
	if h.Engine == "external" {
		fmt.Fprintln(w, "  Omission before the ledger saw it cannot be excluded: the log is an external Kafka cluster, which removes records without asking the ledger.")
	} else {
		fmt.Fprintln(w, "  The log says that it is the node's own, and removes no record before the ledger has it.")
	}
	for _, u := range h.Unchecked {
		fmt.Fprintf(w, "  Not checked: %s.\n", u)
	}
}

func (e *Existed) text(w io.Writer) {
	fmt.Fprintf(w, "  It is certain that it stood there not after %s, by %s, whose clock says %s; that is taken to be right to %s.\n",
		e.NotAfter.Format(time.RFC3339), e.By, e.Clock.Format(time.RFC3339), accuracy(e.Accuracy))
}

// accuracy is a number of seconds in words.
func accuracy(seconds int64) string {
	switch {
	case seconds%3600 == 0 && seconds > 3600:
		return fmt.Sprintf("%d hours", seconds/3600)
	case seconds%60 == 0 && seconds > 60:
		return fmt.Sprintf("%d minutes", seconds/60)
	case seconds == 1:
		return "a second"
	}
	return fmt.Sprintf("%d seconds", seconds)
}

func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
