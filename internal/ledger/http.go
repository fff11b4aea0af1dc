package ledger

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

// Handler serves the ledger to whoever checks it: C2SP's tlog-tiles for the root
// log and each tree, and the keys. Paths are
//
//	/ledger/vkey                               the root log's verifier keys, a line each
//	/ledger/root/…                             the root log
//	/ledger/root/checkpoint?witnessed=1        its newest that fulfils the node's policy
//	/ledger/root/checkpoints?from=&limit=      its checkpoints that are kept, as JSON
//	/ledger/topics/{topic}/{partition}/…       the newest tree of a partition
//	/ledger/trees/{topic}/{id}/{partition}/{generation}/…  any tree, as its origin has it
//
// with checkpoint, tile/{L}/{N} and tile/entries/{N} behind each log.
func (l *Ledger) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ledger/vkey", l.serveKeys)
	mux.HandleFunc("GET /ledger/root/checkpoint", l.serveRootCheckpoint)
	mux.HandleFunc("GET /ledger/root/checkpoints", l.serveCheckpoints)
	mux.Handle("GET /ledger/root/{rest...}", serve(immutable, func(*http.Request) (tiled, error) { return rootLog{l}, nil }))
	mux.Handle("GET /ledger/topics/{topic}/{partition}/{rest...}", serve(fresh, l.newestTree))
	mux.Handle("GET /ledger/trees/{topic}/{id}/{partition}/{generation}/{rest...}", serve(immutable, l.namedTree))
	return mux
}

func (l *Ledger) serveKeys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", textType)
	w.Header().Set("Cache-Control", fresh)
	for _, v := range l.Verifiers() {
		fmt.Fprintln(w, v)
	}
}

const (
	textType = "text/plain; charset=utf-8"
	tileType = "application/octet-stream"
	// Checkpoints change each second, and tiles never; but under the path of the
	// newest tree are those of another one when its generation ends. What is not
	// there may be soon.
	fresh     = "max-age=1"
	immutable = "public, max-age=31536000, immutable"
	never     = "no-store"
)

// A tiled log is what tlog-tiles serves.
type tiled interface {
	tree.TileReader
	size() int64
	checkpoint() ([]byte, error)
	entries(n int64, width int) ([]byte, error)
}

// serve answers requests below the prefix of a log. The rest of the path says
// for what. Caches are told how long tiles are good.
func serve(tiles string, find func(*http.Request) (tiled, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log, err := find(r)
		if err == nil {
			err = serveLog(w, log, r.PathValue("rest"), tiles)
		}
		if err != nil {
			w.Header().Set("Cache-Control", never)
		}
		switch {
		case errors.Is(err, errNotFound), errors.Is(err, ErrNoTree), errors.Is(err, ErrNotYet):
			http.Error(w, err.Error(), http.StatusNotFound)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
}

var errNotFound = errors.New("not found")

func serveLog(w http.ResponseWriter, log tiled, path, caching string) error {
	contentType := tileType
	var body []byte
	var err error
	switch what, rest, _ := strings.Cut(path, "/"); {
	case path == "checkpoint":
		contentType, caching = textType, fresh
		body, err = log.checkpoint()
	case what == "tile":
		body, err = readTile(log, rest)
	default:
		err = fmt.Errorf("%w: a log has checkpoint, tile/LEVEL/INDEX and tile/entries/INDEX, and no %q", errNotFound, path)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", caching)
	_, _ = w.Write(body) // a client that is gone needs no answer
	return nil
}

// readTile reads what is named LEVEL/INDEX or entries/INDEX.
func readTile(log tiled, path string) ([]byte, error) {
	label, index, _ := strings.Cut(path, "/")
	n, width, err := parseTileIndex(index)
	if err != nil {
		return nil, err
	}
	level := 0
	if label != "entries" {
		if level, err = parseLevel(label); err != nil {
			return nil, err
		}
	}
	if have := tree.Width(log.size(), level, n); width > have {
		return nil, fmt.Errorf("%w: tile %s has %d hashes, and %d were asked for", errNotFound, path, have, width)
	}
	if label == "entries" {
		return log.entries(n, width)
	}
	return log.ReadTile(level, n, width)
}

func parseLevel(s string) (int, error) {
	level, err := strconv.Atoi(s)
	if err != nil || strconv.Itoa(level) != s || level < 0 || level >= tree.Levels {
		return 0, fmt.Errorf("%w: %q is no level of tiles, 0 to %d", errNotFound, s, tree.Levels-1)
	}
	return level, nil
}

// parseTileIndex reads the index of a tile as tlog-tiles writes it, such as
// x001/x234/067, with .p/W behind it if the tile is partial.
func parseTileIndex(s string) (n int64, width int, err error) {
	bad := fmt.Errorf("%w: %q is no index of a tile, such as 067, x001/067 or 067.p/12", errNotFound, s)
	whole, partial, isPartial := strings.Cut(s, ".p/")
	width = tree.TileWidth
	if isPartial {
		width, err = strconv.Atoi(partial)
		if err != nil || strconv.Itoa(width) != partial || width < 1 || width >= tree.TileWidth {
			return 0, 0, bad
		}
	}
	groups := strings.Split(whole, "/")
	const most = 6 // 10^18 tiles
	if len(groups) > most || len(groups) > 1 && groups[0] == "x000" {
		return 0, 0, bad
	}
	for i, g := range groups {
		if i < len(groups)-1 {
			var ok bool
			if g, ok = strings.CutPrefix(g, "x"); !ok {
				return 0, 0, bad
			}
		}
		digits, err := strconv.ParseUint(g, 10, 16)
		if err != nil || len(g) != 3 {
			return 0, 0, bad
		}
		n = n*1000 + int64(digits)
	}
	return n, width, nil
}

// rootLog serves the root log.
type rootLog struct{ l *Ledger }

func (r rootLog) size() int64 { size, _ := r.l.store.RootHead(); return size }

func (r rootLog) ReadTile(level int, n int64, width int) ([]byte, error) {
	return r.l.store.RootTiles().ReadTile(level, n, width)
}

func (r rootLog) entries(n int64, width int) ([]byte, error) {
	from := n * tree.TileWidth
	return r.l.store.ReadRoot(from, from+int64(width))
}

// treeLog serves the tree of a partition, as its newest head has it.
type treeLog struct {
	tree.TileReader
	l    *Ledger
	id   store.TreeID
	head store.Head
}

func (t treeLog) size() int64                 { return t.head.Size }
func (t treeLog) checkpoint() ([]byte, error) { return t.l.keys.signTree(t.head.Checkpoint) }

func (t treeLog) entries(n int64, width int) ([]byte, error) {
	return t.l.store.ReadEntries(t.id, n*tree.TileWidth, width)
}

func (l *Ledger) namedTree(r *http.Request) (tiled, error) {
	return l.treeLog(strings.Join([]string{
		l.cfg.Origin, r.PathValue("topic"), r.PathValue("id"), r.PathValue("partition"), r.PathValue("generation"),
	}, "/"))
}

func (l *Ledger) newestTree(r *http.Request) (tiled, error) {
	origin, err := l.Newest(r.PathValue("topic"), r.PathValue("partition"))
	if err != nil {
		return nil, err
	}
	return l.treeLog(origin)
}

// NewestOf returns the origin of the newest generation of a tree that has a
// head. t.Deployment and t.Generation are ignored.
func (l *Ledger) NewestOf(t proof.Tree) (origin string, err error) {
	t.Deployment = l.cfg.Origin
	for t.Generation = 0; ; t.Generation++ {
		_, err := l.Head(t.Origin())
		if errors.Is(err, ErrNoTree) {
			break
		}
		if err == nil {
			origin = t.Origin()
		}
	}
	if origin == "" {
		return "", fmt.Errorf("%w: topic %q, partition %d has no head", ErrNotYet, t.Topic, t.Partition)
	}
	return origin, nil
}

func (l *Ledger) treeLog(origin string) (tiled, error) {
	head, err := l.Head(origin)
	if err != nil {
		return nil, err
	}
	id, _ := l.store.Find(origin)
	return treeLog{l.store.Tiles(id), l, id, head}, nil
}
