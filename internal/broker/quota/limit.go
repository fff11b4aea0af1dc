package quota

import (
	"errors"
	"fmt"
	"math"
)

// Limit is a kind of limit.
type Limit int

// The kinds of limits, by Kafka's names.
const (
	ProducerBytes     Limit = iota // producer_byte_rate: bytes of requests a second
	ConsumerBytes                  // consumer_byte_rate: bytes of records a second
	RequestPercentage              // request_percentage: of one processor's time
	MutationRate                   // controller_mutation_rate: partitions made or deleted a second

	// Kinds is how many there are.
	Kinds = 4
)

var limitNames = [Kinds]string{"producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate"}

// String is Kafka's name.
func (l Limit) String() string { return limitNames[l] }

// ErrInvalidLimit is wrapped by errors about limits.
var ErrInvalidLimit = errors.New("invalid quota")

// CheckLimit says whether the limit of that name can have the value. The error
// wraps ErrInvalidLimit.
func CheckLimit(name string, value float64) error {
	l, ok := limitNamed(name)
	switch {
	case !ok:
		return fmt.Errorf("%w: there is no limit named %q, only %s, %s, %s and %s",
			ErrInvalidLimit, name, limitNames[0], limitNames[1], limitNames[2], limitNames[3])
	case math.IsNaN(value) || math.IsInf(value, 0) || value <= 0:
		return fmt.Errorf("%w: %s is %v, must be a number above 0", ErrInvalidLimit, name, value)
	case l != ProducerBytes && l != ConsumerBytes:
		return nil
	case value > math.MaxInt64:
		return fmt.Errorf("%w: %s is %v, must be at most %d", ErrInvalidLimit, name, value, int64(math.MaxInt64))
	case math.Abs(value-math.Round(value)) > 1e-6: // as Kafka: numbers that were computed are a little off
		return fmt.Errorf("%w: %s is %v, must be a whole number", ErrInvalidLimit, name, value)
	}
	return nil
}

func limitNamed(name string) (Limit, bool) {
	for l, n := range limitNames {
		if n == name {
			return Limit(l), true
		}
	}
	return 0, false
}
