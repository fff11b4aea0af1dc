package progress

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBarShowsHowFarTheWorkIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := Start(&out, "records", 2000)
		time.Sleep(time.Second - interval/2)
		b.Add(500)
		time.Sleep(interval)
		b.Stop()
		const want = "\r[======                  ]  25%  500/2.00k records  500/s  3s left\x1b[K"
		if got := out.String(); !strings.Contains(got, want) {
			t.Errorf("got %q, want it to contain %q", got, want)
		}
		if !strings.HasSuffix(out.String(), "\r\x1b[K") {
			t.Error("Stop left the bar on the terminal")
		}
	})
}

func TestWithoutATotalThereIsNoBar(t *testing.T) {
	if got := line(12345, 0, 2*time.Second, "records"); got != "12.3k records  6.17k/s" {
		t.Errorf("got %q", got)
	}
}

func TestMoreThanTheTotalIsAllOfIt(t *testing.T) {
	if got := line(11, 10, time.Second, "B"); !strings.HasPrefix(got, "["+strings.Repeat("=", width)+"] 100%  10/10 B") {
		t.Errorf("got %q", got)
	}
}

func TestNoBarDoesNothing(t *testing.T) {
	var b *Bar
	b.Add(1)
	b.Stop()
}

func TestShortKeepsThreeDigits(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0", 7: "7", 999: "999", 999.6: "1.00k", 9999: "10.0k", 12345: "12.3k", 999_499: "999k", 999_999: "1.00M",
		1.5e9: "1.50G", 2e12: "2T",
	} {
		if got := Short(n); got != want {
			t.Errorf("Short(%v) = %q, want %q", n, got, want)
		}
	}
}
