package token

import (
	"fmt"
	"net"
	"net/http"
)

// Local tells why a request does not come from this machine, straight, under a name of
// it and from no page of another site; nil if it does. A proxy on the machine that adds
// no header cannot be told from a program on it.
func Local(r *http.Request) error {
	if err := ownPage(r); err != nil {
		return fmt.Errorf("this request is a browser's: %w", err)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !loopback(host) {
		return fmt.Errorf("this request is from %s", r.RemoteAddr)
	}
	for _, proxied := range []string{"Forwarded", "X-Forwarded-For", "Via"} {
		if r.Header.Get(proxied) != "" {
			return fmt.Errorf("this request came through a proxy (%s)", proxied)
		}
	}
	name, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		name = r.Host
	}
	if name != "localhost" && !loopback(name) {
		return fmt.Errorf("this request is for %q", r.Host)
	}
	return nil
}

// ownPage refuses what a browser says that a page of another site asks for, also where
// that only reads.
func ownPage(r *http.Request) error {
	changing := *r // else the protection looks at nothing
	changing.Method = http.MethodPost
	return http.NewCrossOriginProtection().Check(&changing)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
