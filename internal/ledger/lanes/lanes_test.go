package lanes

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/evidentlog/evident/proof"
)

// pack puts messages one after the other, each with its padding.
func pack(messages ...[]byte) (packed []byte, sizes []int) {
	for _, m := range messages {
		from := len(packed)
		packed = Pad(append(packed, m...), from)
		sizes = append(sizes, len(m))
	}
	return packed, sizes
}

// check compares all that Sum can do with crypto/sha256.
func check(t *testing.T, messages ...[]byte) {
	t.Helper()
	packed, sizes := pack(messages...)
	before := string(packed)
	for name, sum := range map[string]func([]proof.Hash, []byte, []int){"Sum": Sum, "sumOneByOne": sumOneByOne} {
		sums := make([]proof.Hash, len(messages))
		sum(sums, packed, sizes)
		for i, m := range messages {
			if sums[i] != sha256.Sum256(m) {
				t.Errorf("%s of sizes %d: message %d is hashed to %x, want %x", name, sizes, i, sums[i], sha256.Sum256(m))
			}
		}
	}
	if string(packed) != before {
		t.Error("the messages were changed")
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

func TestSumsAreThoseOfEachMessage(t *testing.T) {
	check(t)
	for n := range 300 {
		check(t, random(n))
		check(t, random(n), random(n))
		check(t, random(n), random(300-n), random(n/2))
	}
}

func TestSumsOfManySizesMixed(t *testing.T) {
	for range 200 {
		var messages [][]byte
		for range 1 + rand.IntN(30) {
			messages = append(messages, random(rand.IntN(1<<(1+rand.IntN(12)))))
		}
		check(t, messages...)
	}
}

func TestPaddingFillsTheLastBlock(t *testing.T) {
	for n := range 200 {
		b := Pad(make([]byte, 7+n), 7)
		if len(b)-7 != Padded(n) || Padded(n)%64 != 0 || Padded(n) < n+9 || Padded(n) > n+9+63 {
			t.Errorf("%d bytes are padded to %d, and Padded tells %d", n, len(b)-7, Padded(n))
		}
	}
}

// Messages that are cut off must not be read behind their end.
func TestSumRefusesMessagesThatAreCutOff(t *testing.T) {
	for _, n := range [][2]int{{10, 100}, {100, 100}, {10, 200}} {
		packed, sizes := pack(random(n[0]), random(n[1]))
		for _, capacity := range []int{len(packed) - 64, len(packed)} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("messages of sizes %d were read that are not there", sizes)
					}
				}()
				Sum(make([]proof.Hash, 2), packed[:len(packed)-64:capacity], sizes)
			}()
		}
	}
}

// Every split of data into messages has the sums of crypto/sha256.
func FuzzSum(f *testing.F) {
	f.Add([]byte("abc"), 1, 2)
	f.Add(random(1000), 55, 64)
	f.Fuzz(func(t *testing.T, data []byte, one, other int) {
		var messages [][]byte
		for sizes := [2]int{one & 1023, other & 1023}; len(data) > 0; sizes[0], sizes[1] = sizes[1], sizes[0] {
			n := min(max(sizes[0], 1), len(data))
			messages = append(messages, data[:n])
			data = data[n:]
		}
		check(t, messages...)
	})
}

// A leaf, a node, the commitments to records of 100 bytes and of 1 KiB.
func BenchmarkSum(b *testing.B) {
	for _, size := range []int{50, 65, 144, 1068} {
		var messages [][]byte
		for range 256 {
			messages = append(messages, random(size))
		}
		packed, sizes := pack(messages...)
		sums := make([]proof.Hash, len(sizes))
		for name, sum := range map[string]func([]proof.Hash, []byte, []int){"lanes": Sum, "sha256": sumOneByOne} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				for b.Loop() {
					sum(sums, packed, sizes)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(sizes)), "ns/message")
			})
		}
	}
}
