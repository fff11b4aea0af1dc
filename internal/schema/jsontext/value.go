package jsontext

// Kind is what a value is.
type Kind uint8

// The kinds. Int is a number without fraction and exponent.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	Array
	Object
)

var kindNames = [...]string{"null", "boolean", "integer", "number", "string", "array", "object"}

// String is the name of the kind, as messages have it.
func (k Kind) String() string { return kindNames[k] }

// Value is a JSON value. It is not changed once it was read.
type Value struct {
	Kind Kind
	// Text is the characters of a string, the digits of a number as they were
	// written, "true" or "false".
	Text string
	// Items are those of an array.
	Items []Value
	// Members are those of an object, in the order in which they were written.
	Members []Member
}

// Member is a member of an object.
type Member struct {
	Name  string
	Value Value
}

// Get returns the member with a name, and nil if there is none. It looks
// through all members: who asks for many of a large object makes a map.
func (v *Value) Get(name string) *Value {
	for i := range v.Members {
		if v.Members[i].Name == name {
			return &v.Members[i].Value
		}
	}
	return nil
}

// IsString says whether the value is there and is a string.
func (v *Value) IsString() bool { return v != nil && v.Kind == String }

// IsNumber says whether the value is a number.
func (v *Value) IsNumber() bool { return v.Kind == Int || v.Kind == Float }
