package config

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/knadh/koanf/v2"

	"github.com/evidentlog/evident/node"
)

// noListener as an address means: do not listen.
const noListener = "none"

// listeners reads the listeners of both protocols.
func listeners(k *koanf.Koanf) (kafka, http []node.Listener, err error) {
	if kafka, err = protocol(k, "kafka", "127.0.0.1:9092"); err != nil {
		return nil, nil, err
	}
	if http, err = protocol(k, "http", "127.0.0.1:8080"); err != nil {
		return nil, nil, err
	}
	all := append(append([]node.Listener{}, kafka...), http...)
	return kafka, http, errors.Join(sameName(all), inPlainText(all, k.Bool("insecure")))
}

// protocol reads the listeners of one protocol: the short way (listen-kafka),
// which wins wherever it was given, or the named ones of the file. The result
// is never nil, since nil means the default to a node.
func protocol(k *koanf.Koanf, name, standard string) ([]node.Listener, error) {
	all := named(k, name)
	if short := k.String("listen-" + name); short != "" || all == nil {
		if short == "" {
			short = standard
		}
		all = []node.Listener{{Name: name, Address: short}}
	}
	if len(all) == 1 && all[0].Address == noListener {
		all = []node.Listener{}
	}
	advertise := k.String("advertise-" + name)
	switch {
	case advertise == "":
	case len(all) == 1:
		all[0].Advertise = advertise
	default:
		return nil, fmt.Errorf("advertise-%s gives one address, but there are %d %s listeners: "+
			"give each its own \"advertise\" in the file", name, len(all), name)
	}
	return all, nil
}

// named reads the named listeners of a protocol, nil if the file has none.
func named(k *koanf.Koanf, protocol string) []node.Listener {
	items, ok := k.Get("listeners" + delimiter + protocol).([]any)
	if !ok {
		return nil
	}
	all := make([]node.Listener, 0, len(items))
	for _, item := range items {
		fields, _ := item.(map[string]any)
		text := func(key string) string { s, _ := fields[key].(string); return s }
		all = append(all, node.Listener{
			Name: text("name"), Address: text("address"), Advertise: text("advertise"),
			TLSCert: text("tls-cert"), TLSKey: text("tls-key"),
		})
	}
	return all
}

// sameName refuses two listeners of one name, which would hide each other in
// logs and in the ready line.
func sameName(all []node.Listener) error {
	seen := map[string]string{}
	for _, l := range all {
		if other, again := seen[l.Name]; again {
			return fmt.Errorf("the listeners on %s and %s are both named %q: rename one", other, l.Address, l.Name)
		}
		seen[l.Name] = l.Address
	}
	return nil
}

// inPlainText refuses a listener that others could overhear.
func inPlainText(all []node.Listener, insecure bool) error {
	for _, l := range all {
		if l.TLSCert == "" && !insecure && !Loopback(l.Address) {
			return fmt.Errorf("listener %q on %s would speak plain text beyond this machine: "+
				"give it tls-cert and tls-key in the file, or allow it with --insecure", l.Name, l.Address)
		}
	}
	return nil
}

// Loopback tells whether only this machine can connect to address (host:port).
// A name other than "localhost" (RFC 6761) counts as beyond it, whatever it
// resolves to today.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
