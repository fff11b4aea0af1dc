package monitor

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/ledger/remote"
)

// treesAtOnce is how many trees are looked at side by side.
const treesAtOnce = 8

// checkTrees asks that the trees that grew have all the heads that the root log
// gave them. A tree whose newest head was seen before is left alone.
func (m *Monitor) checkTrees(ctx context.Context, s *stepOf, c signed) error {
	list := slices.Collect(maps.Values(s.trees))
	return remote.Each(ctx, len(list), treesAtOnce, func(ctx context.Context, i int) error {
		if err := m.checkTree(ctx, list[i], c); err != nil {
			return &treeError{list[i].Origin, list[i].Size, err}
		}
		return nil
	})
}

// treeLog returns where a node serves a tree.
func (m *Monitor) treeLog(origin string) *remote.Log {
	parts := strings.Split(strings.TrimPrefix(origin, m.state.origin+"/"), "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return m.cfg.Site.Log("ledger/trees/" + strings.Join(parts, "/"))
}

// checkTree computes the roots that a tree had from its tiles, which must lead
// to its newest head.
func (m *Monitor) checkTree(ctx context.Context, g *grown, c signed) error {
	if g.known && g.Checkpoint == g.marks[0].Checkpoint && len(distinct(g.marks)) == 1 {
		return nil // the head is the one that was checked before
	}
	marks := distinct(g.marks)
	var sizes []int64
	for _, mark := range marks {
		if mark.Size == g.Size && mark.Root != g.Root {
			return m.treeFork(ctx, g, mark, c) // whatever is served
		}
		sizes = append(sizes, mark.Size)
	}
	view := m.treeLog(g.Origin).At(g.Checkpoint)
	roots, err := view.Roots(ctx, sizes...)
	if err != nil {
		return err
	}
	for i, mark := range marks {
		if roots[i] != mark.Root {
			return m.treeFork(ctx, g, mark, c)
		}
	}
	return nil
}

// distinct leaves out marks that say the same.
func distinct(marks []tree) (list []tree) {
	seen := map[string]bool{}
	for _, mark := range marks {
		if text := mark.Checkpoint.String(); !seen[text] {
			seen[text] = true
			list = append(list, mark)
		}
	}
	return list
}

// treeFork is the alarm that the root log has two heads of a tree that exclude
// each other.
func (m *Monitor) treeFork(ctx context.Context, g *grown, mark tree, c signed) error {
	e := m.event(Fork, g.Origin, g.Size, fmt.Sprintf(
		"%s was rewritten: its head of size %d in entry %d of the root log does not continue that of size %d in entry %d",
		g.Origin, g.Size, g.index, mark.Size, mark.index))
	older, err := m.proveOld(ctx, c, mark.index)
	if err != nil {
		return err
	}
	newer, err := m.proveOld(ctx, c, g.index)
	if err != nil {
		return err
	}
	files := map[string]string{olderHead: older, newerHead: newer}
	if mark.Size > 0 && mark.Size < g.Size {
		view := m.treeLog(g.Origin).At(g.Checkpoint)
		roots, err := view.Roots(ctx, mark.Size)
		if err != nil {
			return err
		}
		path, err := view.ProveConsistency(ctx, mark.Size)
		if err != nil {
			return err
		}
		files[pathFile] = pathText(mark.Checkpoint, g.Checkpoint, roots[0], path)
	}
	return m.withEvidence(e, files)
}
