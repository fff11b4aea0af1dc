package ledger

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/proof"
)

func TestAQuietLogGivesSignsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, newDisk(t))
		add(t, l.partition(1), 3)
		time.Sleep(2 * DefaultInterval)
		trust := proof.Trust{Keys: l.Verifiers()}
		shown := func() (*proof.SignedCheckpoint, error) {
			_, note := get(l.Handler(), "/ledger/root/checkpoint")
			return trust.Open(note)
		}
		first, err := shown()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(heartbeat + 2*DefaultInterval)
		second, err := shown()
		if err != nil || second.Checkpoint != first.Checkpoint || second.SignedAt.Sub(first.SignedAt) < heartbeat {
			t.Errorf("%+v after %+v, %v", second, first, err)
		}
		l.end()
	})
}
