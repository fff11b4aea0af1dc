package arch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestTheSourceKeepsTheArchitecture(t *testing.T) {
	packages := readModule(t)
	if len(packages) < 5 {
		t.Fatalf("found %d packages only", len(packages))
	}
	for _, complaint := range check(packages) {
		t.Error(complaint)
	}
}

// check returns a sentence for each breach of the rules, sorted.
func check(packages []*pkg) []string {
	var complaints []string
	for _, p := range packages {
		if slices.Contains(outside, p.path) {
			continue
		}
		complaints = append(complaints, checkComment(p)...)
		complaints = append(complaints, checkExits(p)...)
		room, floor := roomOf(p.path)
		if room == "" {
			complaints = append(complaints, fmt.Sprintf(
				"%s is in no room: add it to the floors in internal/arch/rooms_test.go and to docs/architecture.md", p.path))
			continue
		}
		for _, imp := range p.imports {
			if c := checkImport(p.path, room, floor, imp); c != "" {
				complaints = append(complaints, c)
			}
		}
	}
	slices.Sort(complaints)
	return slices.Compact(complaints)
}

// roomOf finds the room that a package belongs to, and its floor.
func roomOf(path string) (room string, floor int) {
	for i, rooms := range floors {
		for _, r := range rooms {
			if path == r || strings.HasPrefix(path, r+"/") {
				return r, i
			}
		}
	}
	return "", 0
}

func checkImport(path, room string, floor int, imp string) string {
	if slices.ContainsFunc(testOnly, func(m string) bool { return imp == m || strings.HasPrefix(imp, m+"/") }) {
		return fmt.Sprintf("%s imports %s, which is for tests only", path, imp)
	}
	target, ours := strings.CutPrefix(imp, module+"/")
	if !ours || slices.Contains(outside, target) {
		return ""
	}
	other, otherFloor := roomOf(target)
	switch {
	case other == room:
		return ""
	case other == "":
		return fmt.Sprintf("%s imports %s, which is in no room", path, target)
	case slices.Contains(standalone, room) && strings.HasPrefix(target, "internal/"):
		return fmt.Sprintf("%s is public and must import nothing internal, but imports %s", path, target)
	case otherFloor > floor:
		return fmt.Sprintf("%s imports %s, which is on a higher floor: declare the interface that is wanted and let node hand it in", path, target)
	case otherFloor == floor:
		return fmt.Sprintf("%s imports %s, which is on the same floor: rooms of one floor do not know each other", path, target)
	case slices.Contains(commandOnly, other) && !slices.Contains(commandOnly, room) && room != "cmd/evident":
		return fmt.Sprintf("%s imports %s, which serves the command line only", path, target)
	}
	return ""
}

func checkComment(p *pkg) []string {
	switch len(p.comments) {
	case 1:
		return nil
	case 0:
		return []string{fmt.Sprintf("%s has no package comment: say what it is for and what it is not for", p.path)}
	}
	return []string{fmt.Sprintf("%s has package comments in %s: keep one", p.path, strings.Join(p.comments, ", "))}
}

func checkExits(p *pkg) []string {
	if p.program {
		return nil
	}
	var complaints []string
	for _, e := range p.exits {
		complaints = append(complaints, fmt.Sprintf("%s/%s: libraries return, only programs end the process", p.path, e))
	}
	return complaints
}
