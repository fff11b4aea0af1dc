package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/engine/cluster"
	"github.com/evidentlog/evident/internal/nearest"
	"github.com/evidentlog/evident/internal/secret"
)

// A kind reads the text of a value into what koanf stores. Its error says what
// would have done, and completes the sentence "want …".
type kind func(text string) (any, error)

func someText(text string) (any, error) {
	if text == "" {
		return nil, errors.New("a value that is not empty")
	}
	return text, nil
}

func truth(text string) (any, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return nil, errors.New("true or false")
}

// wholeNumber is a whole number of at least atLeast.
func wholeNumber(atLeast int) kind {
	return func(text string) (any, error) {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || int(n) < atLeast {
			return nil, fmt.Errorf("a whole number of at least %d", atLeast)
		}
		return int(n), nil
	}
}

// byteCount is a number of bytes, of at least a MiB.
func byteCount(text string) (any, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1<<20 {
		return nil, errors.New("a number of bytes of at least 1048576")
	}
	return n, nil
}

// duration is stored as text, in the form that koanf reads back.
func duration(text string) (any, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return nil, errors.New(`a time with its unit, such as "500ms", "3s" or "1m30s"`)
	}
	return d.String(), nil
}

// someDuration is a duration that is not zero.
func someDuration(text string) (any, error) {
	if d, err := time.ParseDuration(text); err == nil && d == 0 {
		return nil, errors.New(`a time that is not zero, such as "10s"`)
	}
	return duration(text)
}

func oneOf(choices ...string) kind {
	return func(text string) (any, error) {
		if slices.Contains(choices, text) {
			return text, nil
		}
		return nil, errors.New(strings.Join(choices[:len(choices)-1], ", ") + " or " + choices[len(choices)-1])
	}
}

// listenAddress is host:port, where an empty host means every interface and
// port 0 a free one; or "none".
func listenAddress(text string) (any, error) {
	if text == noListener {
		return text, nil
	}
	if _, _, err := hostPort(text, 0); err != nil {
		return nil, errors.New(`host:port, such as "127.0.0.1:9092" (port 0 takes a free one), or "none"`)
	}
	return text, nil
}

// clientAddress is a host:port that somebody can connect to.
func clientAddress(text string) (any, error) {
	host, _, err := hostPort(text, 1)
	if err != nil {
		return nil, errors.New(`host:port, such as "broker.example.org:9092"`)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		return nil, errors.New("an address that clients can connect to, which every-interface addresses are not")
	}
	return text, nil
}

func hostPort(text string, lowestPort int) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(digits)
	if err != nil || port < lowestPort || port > 65535 {
		return "", 0, fmt.Errorf("port %q is not between %d and 65535", digits, lowestPort)
	}
	return host, port, nil
}

// mechanism is the name of a SASL mechanism, in any case.
func mechanism(text string) (any, error) {
	m, err := auth.ParseMechanism(text)
	if err != nil {
		return nil, errors.New("PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	}
	return string(m), nil
}

// mechanisms are names with commas between them.
func mechanisms(text string) (any, error) {
	var all []string
	for item := range strings.SplitSeq(text, ",") {
		m, err := mechanism(strings.TrimSpace(item))
		if err != nil {
			return nil, fmt.Errorf("%w, or several with commas between them", err)
		}
		all = append(all, m.(string))
	}
	return all, nil
}

// patterns are those of topics' names, with commas between them.
func patterns(text string) (any, error) {
	var all []string
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if _, err := path.Match(item, ""); err != nil || item == "" {
			return nil, errors.New(`patterns of topics' names, such as "metrics-*,log-[0-9]"`)
		}
		all = append(all, item)
	}
	return all, nil
}

// origins are names of senders of webhooks, with commas between them.
func origins(text string) (any, error) {
	var all []string
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if item == "" || strings.ContainsAny(item, " \t") {
			return nil, errors.New(`origins with commas between them, such as "events.example.com,hooks.example.org", or *`)
		}
		all = append(all, item)
	}
	return all, nil
}

// bootstrapUsers are names with references to their passwords.
func bootstrapUsers(text string) (any, error) {
	pairs, err := properties(text)
	if err != nil {
		return nil, errors.New(`NAME=env:VARIABLE or NAME=file:PATH, such as "admin=file:/run/secrets/admin"`)
	}
	for name, where := range pairs {
		if err := checkReference(name, where.(string)); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// checkReference checks where a user's password is; its error completes "want …"
// and does not show what may be a password.
func checkReference(_, where string) error {
	if _, err := secret.Parse(where); err != nil {
		return errors.New(`where the password is, and not the password: "env:NAME" or "file:PATH"`)
	}
	return nil
}

// topicProperties are [properties] that a topic can have.
func topicProperties(text string) (any, error) {
	pairs, err := properties(text)
	if err != nil {
		return nil, err
	}
	for name, value := range pairs {
		if err := checkProperty(name, value.(string)); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// checkProperty checks one topic property; its error completes "want …".
func checkProperty(name, value string) error {
	err := topicconfig.Check(name, value)
	if err == nil {
		return nil
	}
	if _, known := topicconfig.Lookup(name); known {
		reason := strings.TrimPrefix(err.Error(), topicconfig.ErrInvalid.Error()+": ")
		return errors.New("what Kafka allows: " + reason)
	}
	var names []string
	for _, d := range topicconfig.All() {
		names = append(names, d.Name)
	}
	return fmt.Errorf("a topic property, which %q is not%s", name, nearest.Hint(name, names, ""))
}

// properties are key=value pairs with commas between them. An item without "="
// continues the value before it, so that "cleanup.policy=compact,delete" is
// one pair.
func properties(text string) (map[string]any, error) {
	pairs, last := map[string]any{}, ""
	for item := range strings.SplitSeq(text, ",") {
		key, value, found := strings.Cut(item, "=")
		key = strings.TrimSpace(key)
		switch {
		case found && key != "":
			pairs[key], last = value, key
		case !found && last != "":
			pairs[last] = pairs[last].(string) + "," + item
		default:
			return nil, errors.New(`key=value, such as "retention.ms=86400000"`)
		}
	}
	return pairs, nil
}

// addresses are host:port with commas between them; the port may be left out
// and is then 9092.
func addresses(text string) (any, error) {
	var all []string
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if !strings.Contains(item, ":") {
			item += ":9092"
		}
		if host, _, err := hostPort(item, 1); err != nil || host == "" {
			return nil, errors.New(`host:port, or several with commas between them, such as "127.0.0.1:9092"`)
		}
		all = append(all, item)
	}
	return all, nil
}

// clusterMechanism is the name of a SASL mechanism, in any case.
func clusterMechanism(text string) (any, error) {
	return oneOf(cluster.Plain, cluster.ScramSHA256, cluster.ScramSHA512, cluster.OAuthBearer)(strings.ToUpper(text))
}

// reference is where a secret is. Its value is not shown in errors, see
// [secretPlaceholder].
func reference(text string) (any, error) {
	if _, err := secret.Parse(text); err != nil {
		return nil, errors.New(`where the secret is, and not the secret: "env:NAME" or "file:PATH"`)
	}
	return text, nil
}

// webAddress is the URL of an endpoint.
func webAddress(text string) (any, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, errors.New(`a URL, such as "https://login.example.org/token"`)
	}
	return text, nil
}

// readableFile is the name of a file that is there.
func readableFile(text string) (any, error) {
	info, err := os.Stat(text)
	if err != nil || info.IsDir() {
		return nil, errors.New("the name of a file that can be read")
	}
	return text, nil
}
