package bucket

import (
	"fmt"
	"net/url"
	"strings"
)

// A Place names a bucket and a prefix of names in it.
type Place struct {
	Bucket string
	Prefix string // without slashes at its ends; may be empty
	// Endpoint is the URL of the store; AWS if empty.
	Endpoint string
	Region   string // may be empty
}

// awsHost is where S3 is if nobody says otherwise.
const awsHost = "s3.amazonaws.com"

// ParsePlace reads s3://BUCKET/PREFIX?endpoint=URL&region=NAME.
func ParsePlace(s string) (Place, error) {
	bad := func(format string, args ...any) (Place, error) {
		return Place{}, fmt.Errorf("%q names no bucket: %s; want s3://BUCKET/PREFIX?endpoint=URL&region=NAME", s, fmt.Sprintf(format, args...))
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return bad("it is not a URL")
	case u.Scheme != "s3":
		return bad("it does not begin with s3://")
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return bad("its bucket is missing, or it has more than bucket, prefix and options (credentials are not given here)")
	}
	p := Place{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("its options cannot be read")
	}
	for name, values := range options {
		switch {
		case len(values) != 1 || values[0] == "":
			return bad("option %s must have one value", name)
		case name == "endpoint":
			p.Endpoint = values[0]
		case name == "region":
			p.Region = values[0]
		default:
			return bad("option %q is not known", name)
		}
	}
	if p.Endpoint != "" {
		if e, err := url.Parse(p.Endpoint); err != nil || e.Host == "" || e.Scheme != "http" && e.Scheme != "https" || strings.Trim(e.Path, "/") != "" {
			return bad("endpoint %q is no address such as https://s3.example.com", p.Endpoint)
		}
	}
	return p, nil
}

func (p Place) String() string {
	s := "s3://" + p.Bucket
	if p.Prefix != "" {
		s += "/" + p.Prefix
	}
	return s
}

func (p Place) key(name string) string {
	if p.Prefix == "" {
		return name
	}
	return p.Prefix + "/" + name
}

func (p Place) host() string {
	if u, err := url.Parse(p.Endpoint); err == nil && u.Host != "" {
		return u.Host
	}
	return awsHost
}

func (p Place) secure() bool { return !strings.HasPrefix(p.Endpoint, "http://") }
