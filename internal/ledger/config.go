package ledger

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// Defaults of [Config].
const (
	DefaultInterval = time.Second
	DefaultRecords  = 1 << 20
	DefaultBytes    = 32 << 20
	DefaultPending  = 64 << 20
)

// maxOrigin is how long the origin of a deployment may be, in bytes: a cosigned
// message has room for 255 (C2SP tlog-cosignature), and witnesses' URLs for less.
const maxOrigin = 200

// Config says how a ledger works.
type Config struct {
	FS  vfs.FS
	Dir string // its own folder
	// Origin names the deployment in all that is signed: a URL without a scheme,
	// such as "example.com/events". It must never change. If empty, it is the one
	// that the folder's ledger has, and for a new one [Unnamed] with a random end.
	Origin string
	// Keys is the file with the private keys; "keys" in Dir if empty. It is made
	// for a new ledger if it is not there.
	Keys string
	// Interval is the time between rounds, and so how old the newest checkpoint
	// may be. DefaultInterval if 0.
	Interval time.Duration
	// External says that the log is a cluster that does not wait for the ledger.
	// It stands in each head: what is proven then is less.
	External bool
	// Records is after how many records a round is made early, Bytes after how many
	// bytes of record batches: what no round has is what the ledger lags behind.
	// DefaultRecords and DefaultBytes if 0.
	Records, Bytes int64
	// Pending is how many bytes of leaves may wait in memory, of all trees; a round
	// that is under way may have as many. Trees that have none may begin with a
	// batch all the same. DefaultPending if 0.
	Pending int64
	// Metrics receives evident_ledger_*. Default: none.
	Metrics prometheus.Registerer
	Logger  *slog.Logger
	// Policy is what ProveWitnessed waits for; nil if there are no witnesses.
	Policy *proof.Policy
	// Index is told of all records that get leaves; nil for none.
	Index *index.Index
	// Receipts are those of anchors; nil if there are none.
	Receipts Receipts
	// Alarm is told what an operator has to look at, which is logged, too; nil: only
	// the log is.
	Alarm func(alarm string)
	// Now is the node's clock; time.Now if nil.
	Now func() time.Time
}

// Validate says what is wrong with the origin, if there is one.
func (c *Config) Validate() error {
	switch {
	case len(c.Origin) > maxOrigin:
		return fmt.Errorf("the ledger's origin %q has %d bytes, and at most %d are possible", c.Origin, len(c.Origin), maxOrigin)
	case !utf8.ValidString(c.Origin):
		return fmt.Errorf("the ledger's origin %q is not UTF-8", c.Origin)
	case strings.IndexFunc(c.Origin, unicode.IsSpace) >= 0 || strings.Contains(c.Origin, "+") || strings.ContainsFunc(c.Origin, unicode.IsControl):
		return fmt.Errorf("the ledger's origin %q has a space, a plus sign or a control character", c.Origin)
	case strings.Contains(c.Origin, "://") || strings.HasSuffix(c.Origin, "/"):
		return fmt.Errorf("the ledger's origin %q must have no scheme and no slash at its end, as in example.com/events", c.Origin)
	}
	return nil
}

func (c *Config) setDefaults() {
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.Records == 0 {
		c.Records = DefaultRecords
	}
	if c.Pending == 0 {
		c.Pending = DefaultPending
	}
	if c.Bytes == 0 {
		c.Bytes = DefaultBytes
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}
