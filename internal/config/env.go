package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"
)

// serviceLinks are the variables that Kubernetes adds to every container for
// every service of the namespace: a service named "evident" gives
// EVIDENT_SERVICE_HOST and EVIDENT_PORT_9092_TCP. They are nobody's mistake.
var serviceLinks = regexp.MustCompile(`^EVIDENT_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_.*)?)?)$`)

// loadEnv adds the variables of environ that give one of settings to k. A
// variable that begins like ours and is none is an error. An empty variable
// counts as not set.
func loadEnv(k *koanf.Koanf, environ []string, settings []setting) error {
	byName := map[string]setting{}
	for _, s := range append(nodeSettings(), append(clientSettings(), password(), configFile())...) {
		byName[s.env()] = s
	}
	values := map[string]any{}
	for _, variable := range environ {
		name, text, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || serviceLinks.MatchString(name) || text == "" {
			continue
		}
		s, known := byName[name]
		if !known {
			return &KeyError{Where: "the environment", Key: name, Known: slices.Sorted(maps.Keys(byName))}
		}
		value, err := s.value(text)
		if err != nil {
			return &ValueError{Where: name, Value: s.shown(text), Want: err.Error()}
		}
		if _, wanted := find(settings, s.key); wanted {
			values[name] = value
		}
	}
	return k.Load(env.Provider("", env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, _ string) (string, any) {
			if value, ok := values[name]; ok {
				return byName[name].key, value
			}
			return "", nil
		},
	}), nil)
}
