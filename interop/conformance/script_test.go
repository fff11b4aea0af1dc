package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A script is a file of blocks, with blank lines between them:
//
//	# What this shows.
//	> CreateTopics 7 {"Topics": [{"Topic": "$a", "NumPartitions": 1, "ReplicationFactor": 1}]}
//	< Topics: Topic=$a ErrorCode=NONE
//	or < Topics: Topic=$a ErrorCode=INVALID_TOPIC_EXCEPTION
//	~ the reason why others than Kafka answer so, on purpose
//
// A request goes to any broker, or with "@leader(topic)", "@group(id)" or
// "@transaction(id)" before it to the one concerned. Its fields are those of
// kmsg; $name stands for a name of this run. The answer has a line for each
// struct in it, see render.
type block struct {
	names    names
	comments []string
	request  string
	want     []string // "< " and what follows
	others   []string // "or < " and "~ "
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScript(t, file) })
	}
}

func runScript(t *testing.T, file string) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blocks := parseScript(content)
	suffix := names("." + strings.TrimSuffix(filepath.Base(file), ".txt") + "." + peer.run)
	for i := range blocks {
		b := &blocks[i]
		b.names = suffix
		if b.request == "" {
			continue
		}
		t.Run(b.title(), func(t *testing.T) { b.run(t) })
	}
	if *record {
		if err := os.WriteFile(file, formatScript(blocks), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	deleteNames(t)
}

// deleteNames deletes the topics that scripts have left.
func deleteNames(t *testing.T) {
	t.Helper()
	admin := newAdmin(t)
	topics, err := admin.ListTopics(within(t))
	if err != nil {
		t.Fatal(err)
	}
	left := slices.DeleteFunc(topics.Names(), func(topic string) bool { return !strings.HasSuffix(topic, "."+peer.run) })
	if len(left) == 0 {
		return
	}
	if _, err := admin.DeleteTopics(within(t), left...); err != nil {
		t.Error(err)
	}
}

// title is what the block's comment says, or its request's name.
func (b *block) title() string {
	if len(b.comments) > 0 {
		return strings.TrimRight(strings.TrimPrefix(b.comments[0], "# "), ".:")
	}
	return strings.Fields(strings.TrimPrefix(b.request, "> "))[0]
}

// settling is how long a cluster may take until each broker knows of a change.
const settling = 5 * time.Second

// run sends the request. What only reads is asked again until the answer is the
// wanted one, for it may be about a change that its broker does not know yet.
func (b *block) run(t *testing.T) {
	if *record && b.reads() {
		time.Sleep(settling / 10)
	}
	got := b.answer(t)
	for deadline := time.Now().Add(settling); b.reads() && !b.wanted(got) && !*record && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
		got = b.answer(t)
	}
	switch {
	case *record:
		b.want = got
	case !b.wanted(got):
		t.Errorf("%s\nwas answered\n%s\nand Kafka answers\n%s", b.request, strings.Join(got, "\n"), strings.Join(b.want, "\n"))
	case !slices.Equal(got, b.want):
		differs(t, b.reason())
	}
}

func (b *block) wanted(got []string) bool {
	return slices.Equal(got, b.want) || len(b.others) > 0 && slices.Equal(got, b.otherAnswer())
}

// reads tells whether the request changes nothing.
func (b *block) reads() bool {
	m := requestLine.FindStringSubmatch(b.request)
	return m != nil && regexp.MustCompile(`^(Describe|List|Metadata|OffsetFetch|OffsetForLeaderEpoch|ApiVersions|FindCoordinator)`).MatchString(m[3])
}

func (b *block) otherAnswer() []string {
	var lines []string
	for _, line := range b.others {
		if answer, ok := strings.CutPrefix(line, "or "); ok {
			lines = append(lines, answer)
		}
	}
	return lines
}

func (b *block) reason() string {
	var words []string
	for _, line := range b.others {
		if reason, ok := strings.CutPrefix(line, "~ "); ok {
			words = append(words, reason)
		}
	}
	return strings.Join(words, " ")
}

// requestLine: target, request, version, fields.
var requestLine = regexp.MustCompile(`^> (?:@(leader|group|transaction)\(([^)]*)\) )?(\w+) (\d+)(?: (\{.*\}))?$`)

// answer sends the request and renders what comes back.
func (b *block) answer(t *testing.T) []string {
	m := requestLine.FindStringSubmatch(b.request)
	if m == nil {
		t.Fatalf("%q is no request", b.request)
	}
	req := requestNamed(t, m[3])
	if m[5] != "" {
		fill(t, req, b.names.expand(m[5]))
	}
	version, err := strconv.ParseInt(m[4], 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	eventually(t, func() error {
		resp := ask[kmsg.Response](t, b.target(t, m[1], m[2]), req, int16(version))
		if lines = b.names.render(resp); !strings.Contains(b.request, "ValidateOnly") {
			awaitTopics(t, resp)
		}
		if text := strings.Join(lines, " "); moving.MatchString(text) {
			return errors.New(text)
		}
		return nil
	})
	return lines
}

// awaitTopics waits until all brokers know the topics that were created.
func awaitTopics(t *testing.T, resp kmsg.Response) {
	t.Helper()
	created, ok := resp.(*kmsg.CreateTopicsResponse)
	if !ok {
		return
	}
	for _, topic := range created.Topics {
		if topic.ErrorCode == 0 {
			leader(t, topic.Topic, 0)
		}
	}
}

// moving are errors of a coordinator that has only just got its part of the
// groups or transactions.
var moving = regexp.MustCompile(`=(COORDINATOR_LOAD_IN_PROGRESS|NOT_COORDINATOR|CONCURRENT_TRANSACTIONS)\b`)

// target is the address of who is concerned.
func (b *block) target(t *testing.T, kind, of string) string {
	switch kind {
	case "leader":
		return leader(t, b.names.expand(of), 0)
	case "group":
		return coordinator(t, 0, b.names.expand(of))
	case "transaction":
		return coordinator(t, 1, b.names.expand(of))
	}
	return peer.addresses[0]
}

func requestNamed(t *testing.T, name string) kmsg.Request {
	for key := range kmsg.MaxKey + 1 {
		if req := kmsg.RequestForKey(int16(key)); req != nil && strings.EqualFold(kmsg.NameForKey(int16(key)), name) { // ID and Id
			return req
		}
	}
	t.Fatalf("no request is called %s", name)
	return nil
}

// runName is $name in a script.
var runName = regexp.MustCompile(`\$[a-z][a-z0-9-]*`)

// names are those of a script in this run: what they have in common at their end.
type names string

// expand puts this run's names for those of the script.
func (n names) expand(text string) string {
	return runName.ReplaceAllStringFunc(text, func(s string) string { return s[1:] + string(n) })
}

// contract is the reverse of expand.
func (n names) contract(text string) string {
	return regexp.MustCompile(`([a-z][a-z0-9-]*)`+regexp.QuoteMeta(string(n))).ReplaceAllString(text, "$$$1")
}

func parseScript(content []byte) []block {
	var blocks []block
	var b block
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch line := lines.Text(); {
		case line == "":
			blocks, b = append(blocks, b), block{}
		case strings.HasPrefix(line, ">"):
			b.request = line
		case strings.HasPrefix(line, "<"):
			b.want = append(b.want, line)
		case strings.HasPrefix(line, "or <"), strings.HasPrefix(line, "~ "):
			b.others = append(b.others, line)
		default:
			b.comments = append(b.comments, line)
		}
	}
	return append(blocks, b)
}

func formatScript(blocks []block) []byte {
	var out bytes.Buffer
	for i, b := range blocks {
		if i > 0 {
			fmt.Fprintln(&out)
		}
		lines := slices.Concat(b.comments)
		if b.request != "" {
			lines = append(lines, b.request)
		}
		for _, line := range slices.Concat(lines, b.want, b.others) {
			fmt.Fprintln(&out, line)
		}
	}
	return out.Bytes()
}
