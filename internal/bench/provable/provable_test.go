package provable

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/bench"
)

// What needs no node is measured, and leaves nothing behind.
func TestRunMeasuresLeavesAndProofs(t *testing.T) {
	dir := t.TempDir()
	res, err := Run(t.Context(), Config{
		Dir: dir, Parts: []string{Proofs, Leaves}, Sizes: []int{10}, Logs: []int64{3000, 1000}, Count: 20, Duration: time.Millisecond, Rounds: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Leaves) != 1 || res.Leaves[0].Median.Records < batchRecords || res.Leaves[0].Median.SHA256 <= 0 {
		t.Errorf("leaves: %+v", res.Leaves)
	}
	if len(res.Proofs) != 2 || res.Proofs[0].Records != 1000 || res.Proofs[1].Records != 3000 || res.Proofs[1].Levels != 12 {
		t.Fatalf("proofs: %+v", res.Proofs)
	}
	// A file of at most 8 KB, besides the record, is what is aimed at.
	if p := res.Proofs[1]; p.Warm.P50 <= 0 || p.Overhead <= 0 || p.Overhead >= p.Bytes || p.Overhead > 8000 || p.DiskBytes < 67 {
		t.Errorf("proofs: %+v", p)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	var text bytes.Buffer
	if err := res.WriteText(&text); err != nil || !strings.Contains(text.String(), "3000 records") {
		t.Errorf("%v in\n%s", err, text.String())
	}
	checkXML(t, res.Plot())
}

func TestRunRefusesWhatItCannotMeasure(t *testing.T) {
	for _, cfg := range []Config{
		{},
		{Dir: t.TempDir(), Parts: []string{"speed"}},
		{Dir: t.TempDir(), Sizes: []int{-1}},
		{Dir: t.TempDir(), Logs: []int64{0}},
		{Dir: t.TempDir(), Duration: -1},
	} {
		if _, err := Run(t.Context(), cfg); !errors.Is(err, bench.ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestLagIsTheTimeSinceThereWereAsManyRecords(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }
	history := []moment{{at(0), 0}, {at(100), 50}, {at(200), 90}, {at(300), 90}}
	for done, want := range map[int64]time.Duration{0: 200, 49: 200, 50: 100, 89: 100, 90: 0, 91: 0} {
		if got := behind(history, done); got != want*time.Millisecond {
			t.Errorf("%d done: %v behind, want %v", done, got, want*time.Millisecond)
		}
	}
}

func TestPlotsOfAnyResultAreDrawings(t *testing.T) {
	checkXML(t, (&Result{}).Plot())
	checkXML(t, (&Result{Proofs: []ProofsResult{{Records: 10, Warm: Quantiles{P50: 3}}}}).Plot())
}

func checkXML(t *testing.T, s string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(s)); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Errorf("%v in %s", err, s)
			return
		}
	}
}

// A proof from a log of a million records, with the files in the system's cache.
func BenchmarkProve(b *testing.B) {
	g, err := openGrower(b.Context(), b.TempDir(), proofRecord)
	if err != nil {
		b.Fatal(err)
	}
	defer g.close()
	if err := errors.Join(g.addFor(b.Context(), time.Hour, 1_000_000), g.settle(b.Context())); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		f, err := g.Prove(g.tree.Origin(), g.record(0))
		if err != nil {
			b.Fatal(err)
		}
		_ = f.String()
	}
}
