package topicconfig

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// value is a property's value, parsed as its type says.
type value struct {
	text    string
	integer int64    // Int, Long
	real    float64  // Double
	boolean bool     // Boolean
	list    []string // List
}

// parse reads text as a value of type t. The error says what is allowed.
func parse(t kmsg.ConfigType, text string) (value, error) {
	v := value{text: strings.TrimSpace(text)}
	var err error
	switch t {
	case kmsg.ConfigTypeInt:
		if v.integer, err = strconv.ParseInt(v.text, 10, 32); err != nil {
			return v, fmt.Errorf("must be a whole number between %d and %d", math.MinInt32, math.MaxInt32)
		}
	case kmsg.ConfigTypeLong:
		if v.integer, err = strconv.ParseInt(v.text, 10, 64); err != nil {
			return v, fmt.Errorf("must be a whole number of at most 64 bits")
		}
	case kmsg.ConfigTypeDouble:
		if v.real, err = strconv.ParseFloat(v.text, 64); err != nil || math.IsNaN(v.real) {
			return v, fmt.Errorf("must be a number")
		}
	case kmsg.ConfigTypeBoolean:
		v.boolean = strings.EqualFold(v.text, "true")
		if !v.boolean && !strings.EqualFold(v.text, "false") {
			return v, fmt.Errorf("must be true or false")
		}
	case kmsg.ConfigTypeList:
		v.list = splitList(v.text)
	}
	return v, nil
}

func splitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// duration reads v as milliseconds. What is too long for a Duration becomes
// the longest one; negative stays negative.
func (v value) duration() time.Duration {
	const longest = math.MaxInt64 / int64(time.Millisecond)
	if v.integer > longest {
		return math.MaxInt64
	}
	return time.Duration(max(v.integer, -1)) * time.Millisecond
}

// checker refuses a value with a sentence about what is allowed.
type checker func(value) error

func atLeast(low int64) checker {
	return func(v value) error {
		if v.integer < low {
			return fmt.Errorf("must be at least %d", low)
		}
		return nil
	}
}

func within(low, high int64) checker {
	return func(v value) error {
		if v.integer < low || v.integer > high {
			return fmt.Errorf("must be between %d and %d", low, high)
		}
		return nil
	}
}

func fraction(v value) error {
	if v.real < 0 || v.real > 1 {
		return fmt.Errorf("must be between 0 and 1")
	}
	return nil
}

func oneOf(allowed ...string) checker {
	return func(v value) error {
		for _, a := range allowed {
			if v.text == a {
				return nil
			}
		}
		return fmt.Errorf("must be one of %s", strings.Join(allowed, ", "))
	}
}

// noneBut allows lists of what is allowed, the empty one too.
func noneBut(allowed ...string) checker {
	one := oneOf(allowed...)
	return func(v value) error {
		for _, item := range v.list {
			if one(value{text: item}) != nil {
				return fmt.Errorf("must be a list of %s", strings.Join(allowed, ", "))
			}
		}
		return nil
	}
}

// throttledReplicas allows Kafka's three forms: nothing, "*", and a list of
// partition:broker.
func throttledReplicas(v value) error {
	if v.text == "" || v.text == "*" {
		return nil
	}
	for _, item := range v.list {
		partition, broker, _ := strings.Cut(item, ":")
		_, err1 := strconv.ParseUint(partition, 10, 31)
		_, err2 := strconv.ParseUint(broker, 10, 31)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("must be *, or a list of partition:broker such as 0:1,1:1")
		}
	}
	return nil
}

func mustBeFalse(v value) error {
	if v.boolean {
		return fmt.Errorf("must be false: there is no tiered storage")
	}
	return nil
}
