package produce

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPaceKeepsTheRateOverALateRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, p := time.Now(), newPace(10)
		for n := range int64(11) {
			if n == 3 {
				time.Sleep(350 * time.Millisecond)
			}
			if err := p.wait(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("11 records at 10 a second took %v, want 1s", took)
		}
	})
}

func TestPaceEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := newPace(0.001).wait(ctx, 1); err == nil {
			t.Error("waited for the record")
		}
	})
}
