package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/tool"
)

// Rebuild is "evident ledger rebuild".
type Rebuild struct {
	// URL is where the node's HTTP is.
	URL string
	// TokenFile has the node's token.
	TokenFile string
	// Timeout is for the node's answer.
	Timeout time.Duration
}

// A rebuiltTree is the node's answer. Offsets are ranges.
type rebuiltTree struct {
	Tree       string `json:"tree"`
	Size       int64  `json:"size"`
	Mended     string `json:"mended"`
	Unmended   string `json:"unmended"`
	Unprovable string `json:"unprovable"`
	Saltless   string `json:"without_salts"`
}

// Run has the node make the tree of a partition, named TOPIC/PARTITION, again.
func (r Rebuild) Run(ctx context.Context, env tool.Env, partition string) error {
	slash := strings.LastIndex(partition, "/")
	if slash <= 0 {
		return tool.Usagef("%q is no partition: write TOPIC/PARTITION, as in orders/3", partition)
	}
	if n, err := strconv.ParseInt(partition[slash+1:], 10, 32); err != nil || n < 0 {
		return tool.Usagef("%q is no partition: write TOPIC/PARTITION, as in orders/3", partition)
	}
	path := fmt.Sprintf("/v1/topics/%s/partitions/%s/rebuild", url.PathEscape(partition[:slash]), url.PathEscape(partition[slash+1:]))
	var done rebuiltTree
	asks := Erase{URL: r.URL, TokenFile: r.TokenFile, Timeout: r.Timeout}
	if err := asks.exchange(ctx, http.MethodPost, path, nil, &done); err != nil {
		return fmt.Errorf("not rebuilt: %w", err)
	}
	if err := env.Print(&done, func(w io.Writer) { done.print(w, partition) }); err != nil {
		return err
	}
	return done.remains()
}

func (t *rebuiltTree) print(w io.Writer, partition string) {
	if t.Mended == "" {
		fmt.Fprintf(w, "%s: no entry had to be made again; hashes were, and lead to the signed head, at size %d\n", partition, t.Size)
		return
	}
	fmt.Fprintf(w, "%s: entries were made again, and lead to the signed head, at size %d\n  %s\n", partition, t.Size, t.Mended)
}

// remains is an error if not all of the tree is as it was.
func (t *rebuiltTree) remains() error {
	var errs []error
	if t.Unmended != "" {
		errs = append(errs, fmt.Errorf("entries are damaged that no record gives, at offsets %s, all or some: offsets %s cannot be proven until the ledger's files are restored from a copy", t.Unmended, t.Unprovable))
	}
	if t.Saltless != "" {
		errs = append(errs, fmt.Errorf("salts are lost, and made of nothing: offsets %s cannot be proven until the ledger's files are restored from a copy", t.Saltless))
	}
	return errors.Join(errs...)
}
