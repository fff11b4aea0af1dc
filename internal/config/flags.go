package config

import (
	"errors"
	"maps"
	"slices"

	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// NodeFlags adds the flags of "evident serve" to flags.
func NodeFlags(flags *pflag.FlagSet) {
	addFlags(flags, append([]setting{configFile()}, nodeSettings()...), nil)
}

// ClientFlags adds the flags that all client commands share to flags.
func ClientFlags(flags *pflag.FlagSet) {
	addFlags(flags, clientSettings(), map[string]string{"brokers": "b"})
}

func addFlags(flags *pflag.FlagSet, settings []setting, shorthands map[string]string) {
	for _, s := range settings {
		f := &pflag.Flag{
			Name: s.key, Shorthand: shorthands[s.key],
			Usage: s.help + " [$" + s.env() + "]",
			Value: &flagValue{setting: s}, DefValue: s.initial,
		}
		if s.isTruth() {
			f.NoOptDefVal = "true"
		}
		flags.AddFlag(f)
	}
}

func (s setting) isTruth() bool { return s.placeholder == "" }

// flagValue is the value of a flag; it implements [pflag.Value].
type flagValue struct {
	setting setting
	text    string
	value   any
}

func (v *flagValue) String() string { return v.text }
func (v *flagValue) Type() string {
	if v.setting.isTruth() {
		return "bool"
	}
	return v.setting.placeholder
}

// Shown is what was given, as an error message gives it.
func (v *flagValue) Shown(text string) string { return v.setting.shown(text) }

// Set checks and keeps text; properties and lists add up when the flag is repeated.
func (v *flagValue) Set(text string) error {
	value, err := v.setting.value(text)
	if err != nil {
		return errors.New("want " + err.Error())
	}
	if more, ok := value.(map[string]any); ok {
		if before, ok := v.value.(map[string]any); ok {
			maps.Copy(before, more)
			value = before
		}
	}
	if more, ok := value.([]string); ok {
		if before, ok := v.value.([]string); ok {
			value = slices.Concat(before, more)
		}
	}
	v.text, v.value = text, value
	return nil
}

// loadFlags adds the flags that were given to k.
func loadFlags(k *koanf.Koanf, flags *pflag.FlagSet, settings []setting) error {
	return k.Load(posflag.ProviderWithFlag(flags, delimiter, nil, func(f *pflag.Flag) (string, any) {
		v, ok := f.Value.(*flagValue)
		if _, mine := find(settings, f.Name); !ok || !mine {
			return "", nil
		}
		return f.Name, v.value
	}), nil)
}
