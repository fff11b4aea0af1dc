package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/proof"
)

// keptMarks are the checkpoints of the root log that the node has kept, and at
// last the newest one, as marks. Each is opened with the keys that are trusted.
type keptMarks struct {
	site   *remote.Site
	trust  proof.Trust // asks for no quorum: who knows what policy there was then
	policy proof.Trust // as it was given
	newest proof.Checkpoint

	page []keptCheckpoint
	from int64 // of the next page; -1 if there is none
	done bool

	count, quorate int64 // checkpoints that were good, and that have the policy's quorum
}

type keptCheckpoint struct {
	Size int64  `json:"size"`
	Note string `json:"note"`
}

// keptPage bounds a page: many checkpoints with many cosignatures.
const keptPage = 64 << 20

func (k *keptMarks) next(ctx context.Context) (mark, bool, error) {
	if k.done {
		return mark{}, false, nil
	}
	for len(k.page) == 0 && k.from >= 0 {
		if err := k.read(ctx); err != nil {
			return mark{}, false, err
		}
	}
	if len(k.page) == 0 || k.page[0].Size > k.newest.Size {
		k.done = true
		return mark{k.newest.Size, k.newest.Root, CheckpointPart, "newest checkpoint"}, true, nil
	}
	shown := k.page[0]
	k.page = k.page[1:]
	opened, err := k.trust.Open(shown.Note)
	if err == nil && (opened.Size != shown.Size || opened.Origin != k.newest.Origin) {
		err = fmt.Errorf("its note is of %s at size %d", opened.Origin, opened.Size)
	}
	if err != nil {
		return mark{}, false, finding(k.newest.Origin, -1, CheckpointPart, "the checkpoint of size %d that was kept: %v", shown.Size, err)
	}
	k.count++
	if k.policy.Policy != nil {
		if _, err := k.policy.Open(shown.Note); err == nil {
			k.quorate++
		}
	}
	return mark{opened.Size, opened.Root, CheckpointPart, "checkpoint that was kept"}, true, nil
}

func (k *keptMarks) read(ctx context.Context) error {
	b, _, err := k.site.GetBytes(ctx, fmt.Sprintf("ledger/root/checkpoints?from=%d", k.from), keptPage)
	if errors.Is(err, remote.ErrNotFound) { // a log of others, or of an older version
		k.from = -1
		return nil
	}
	if err != nil {
		return err
	}
	var page struct {
		Checkpoints []keptCheckpoint `json:"checkpoints"`
		Next        int64            `json:"next"`
	}
	if err := json.Unmarshal(b, &page); err != nil {
		return finding(k.newest.Origin, -1, CheckpointPart, "the list of checkpoints that were kept cannot be read: %v", err)
	}
	if page.Next != 0 && page.Next <= k.from {
		return finding(k.newest.Origin, -1, CheckpointPart, "the list of checkpoints that were kept does not go on: after size %d it continues at %d", k.from, page.Next)
	}
	k.page, k.from = page.Checkpoints, page.Next
	if page.Next == 0 {
		k.from = -1
	}
	return nil
}
