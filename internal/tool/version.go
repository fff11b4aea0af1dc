package tool

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// Version is what was built.
type Version struct {
	Version  string `json:"version"` // "(devel)" for a build from a working tree
	Commit   string `json:"commit"`  // "unknown" where the build did not record it
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// BuildVersion reads the version from the running program.
func BuildVersion() Version {
	v := Version{Version: "(devel)", Commit: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// Print prints v.
func (v Version) Print(env Env) error {
	return env.Print(v, func(w io.Writer) {
		commit := v.Commit
		if v.Modified {
			commit += " (modified)"
		}
		fmt.Fprintf(w, "evident %s, commit %s, %s %s\n", v.Version, commit, v.Go, v.Platform)
	})
}
