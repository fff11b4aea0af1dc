package evidence

import (
	"net/url"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/tool"
)

// base returns the address of a node's HTTP without a slash at its end, if it is
// one, and if there is time to ask.
func base(address string, timeout time.Duration) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", tool.Usagef("--url %q is no address of a node: write it as in http://127.0.0.1:8080", address)
	}
	if timeout <= 0 {
		return "", tool.Usagef("--timeout %v: it must be longer than nothing", timeout)
	}
	return strings.TrimSuffix(address, "/"), nil
}
