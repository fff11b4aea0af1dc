package registry

import "fmt"

// A Code says what is wrong, in Confluent's numbers. The first three digits are those
// of the answer by HTTP.
type Code int

// The codes that clients know.
const (
	SubjectNotFound       Code = 40401
	VersionNotFound       Code = 40402
	SchemaNotFound        Code = 40403
	SubjectSoftDeleted    Code = 40404
	SubjectNotSoftDeleted Code = 40405
	VersionSoftDeleted    Code = 40406
	VersionNotSoftDeleted Code = 40407
	NoSettings            Code = 40408
	NoMode                Code = 40409
	Incompatible          Code = 409
	InvalidSchema         Code = 42201
	InvalidVersion        Code = 42202
	InvalidCompatibility  Code = 42203
	InvalidMode           Code = 42204
	NotPermitted          Code = 42205
	ReferenceExists       Code = 42206
	InvalidSubject        Code = 42208
	TooLarge              Code = 42209
	InvalidRuleSet        Code = 42210
	ContextNotEmpty       Code = 42211
	Store                 Code = 50001
	Timeout               Code = 50002
	ForwardingFailed      Code = 50003
	LeaderUnknown         Code = 50004
)

// Status is that of HTTP.
func (c Code) Status() int {
	for c >= 1000 {
		c /= 10
	}
	return int(c)
}

// An Error is why a request was not granted, in the words that clients know.
type Error struct {
	Code    Code
	Message string
	Err     error // nil, or what it comes from
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of a code.
func Errorf(c Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{c, err.Error(), err}
}

func subjectNotFound(name fmt.Stringer) *Error {
	return Errorf(SubjectNotFound, "Subject '%v' not found.", name)
}

func versionNotFound(version int) *Error {
	return Errorf(VersionNotFound, "Version %d not found.", version)
}

// NoSuchSchema says that there is no schema with an id or guid.
func NoSuchSchema(what any) *Error { return Errorf(SchemaNotFound, "Schema %v not found", what) }
