package statetopic

import (
	"math"
	"unicode/utf16"
)

// PartitionFor returns the partition that keeps the key, out of n: Kafka's
// choice, the absolute value of Java's String.hashCode modulo n.
func PartitionFor(key string, n int32) int32 {
	var h int32
	for _, unit := range utf16.Encode([]rune(key)) {
		h = 31*h + int32(unit)
	}
	switch {
	case h == math.MinInt32: // has no absolute value; Kafka takes 0
		h = 0
	case h < 0:
		h = -h
	}
	return h % n
}
