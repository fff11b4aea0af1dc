package produce

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPatienceRunsOutOnlyWhileNothingMovesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := false
		p := newPatience(10*time.Second, func() { over = true })
		p.sent()
		p.sent()
		p.sent()
		for range 2 { // one after another is acknowledged, slowly
			time.Sleep(9 * time.Second)
			p.done()
		}
		time.Sleep(9 * time.Second)
		if over {
			t.Fatal("ran out although records were acknowledged")
		}
		p.done()
		time.Sleep(time.Hour) // nothing is under way
		if over {
			t.Fatal("ran out although nothing was under way")
		}
		p.sent()
		time.Sleep(10*time.Second + 1)
		synctest.Wait()
		if !over {
			t.Error("did not run out")
		}
	})
}
