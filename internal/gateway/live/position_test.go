package live

import (
	"errors"
	"testing"
)

func FuzzAPositionIsReadAsItWasWritten(f *testing.F) {
	for _, s := range []string{"17.0.4", "0~3fa9c1d2", "1.", "", "~", "+1", "-1", "9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, digits, err := ParsePosition(s)
		if err != nil {
			if !errors.Is(err, ErrPosition) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		text := p.String()
		if digits != "" {
			text += "~" + digits
		}
		again, same, err := ParsePosition(text)
		if err != nil || !again.reaches(p) || !p.reaches(again) || same != digits {
			t.Errorf("%q is %v~%s, and written %q is %v~%s, %v", s, p, digits, text, again, same, err)
		}
	})
}

func TestAPositionIsBeforeAnotherInSomePartition(t *testing.T) {
	p := Position{3, 5, 2}
	for _, c := range []struct {
		other Position
		from  int
		want  int
	}{{Position{3, 5, 2}, 1, -1}, {Position{4, 5, 3}, 0, 0}, {Position{4, 5, 3}, 1, 2}, {Position{4, 5, 1}, 2, 0}} {
		if got := p.before(c.other, c.from); got != c.want {
			t.Errorf("before %v, from %d: partition %d, want %d", c.other, c.from, got, c.want)
		}
	}
	if err := p.within(Position{3, 4, 2}); !errors.Is(err, ErrPosition) {
		t.Errorf("behind the end: %v", err)
	}
}
