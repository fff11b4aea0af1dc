package topic

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/tool"
)

// Describe is "evident topic describe".
type Describe struct {
	// All shows settings that are defaults too. As JSON they always are there.
	All bool
}

// Description is all that there is to say about a topic.
type Description struct {
	Summary
	Records  int64       `json:"records"` // offsets between start and end, over all partitions
	Detail   []Partition `json:"partition_details"`
	Settings []Setting   `json:"settings"`
}

// Partition is one partition of a topic.
type Partition struct {
	Partition   int32   `json:"partition"`
	Leader      int32   `json:"leader"` // -1: none
	LeaderEpoch int32   `json:"leader_epoch"`
	Replicas    []int32 `json:"replicas"`
	InSync      []int32 `json:"in_sync_replicas"`
	StartOffset int64   `json:"start_offset"`
	EndOffset   int64   `json:"end_offset"` // the high watermark
}

// Setting is one topic property.
type Setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"` // empty if sensitive
	Source  string `json:"source"`
	Default bool   `json:"default"` // not set on the topic itself
}

// Run prints all about the topics that names gives.
func (d Describe) Run(ctx context.Context, env tool.Env, names []string) error {
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		descriptions, err := describe(ctx, adm, names)
		if err != nil {
			return err
		}
		return env.Print(descriptions, func(w io.Writer) {
			for i, description := range descriptions {
				if i > 0 {
					fmt.Fprintln(w)
				}
				d.print(w, description)
			}
		})
	})
}

func describe(ctx context.Context, adm *kadm.Client, names []string) ([]Description, error) {
	details, err := tool.Topics(ctx, adm, names...)
	if err != nil {
		return nil, err
	}
	starts, err := adm.ListStartOffsets(ctx, names...)
	if err != nil {
		return nil, err
	}
	ends, err := adm.ListEndOffsets(ctx, names...)
	if err != nil {
		return nil, err
	}
	configs, err := adm.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return nil, err
	}
	descriptions := make([]Description, 0, len(names))
	for _, detail := range details.Sorted() {
		d := Description{Summary: summary(detail), Settings: []Setting{}}
		for _, p := range detail.Partitions.Sorted() {
			start, _ := starts.Lookup(detail.Topic, p.Partition)
			end, _ := ends.Lookup(detail.Topic, p.Partition)
			d.Detail = append(d.Detail, Partition{
				p.Partition, p.Leader, p.LeaderEpoch, p.Replicas, p.ISR, start.Offset, end.Offset,
			})
			d.Records += end.Offset - start.Offset
		}
		config, err := configs.On(detail.Topic, nil)
		if err == nil {
			err = config.Err
		}
		if err != nil {
			return nil, &tool.RefusedError{Doing: fmt.Sprintf("describe the settings of topic %q", detail.Topic),
				Code: err, Message: config.ErrMessage}
		}
		d.Settings = described(config.Configs)
		descriptions = append(descriptions, d)
	}
	return descriptions, nil
}

func described(configs []kadm.Config) []Setting {
	settings := make([]Setting, 0, len(configs))
	for _, c := range configs {
		settings = append(settings, Setting{
			Key: c.Key, Value: c.MaybeValue(),
			Source:  strings.ToLower(c.Source.String()),
			Default: c.Source != kmsg.ConfigSourceDynamicTopicConfig,
		})
	}
	slices.SortFunc(settings, func(a, b Setting) int { return cmp.Compare(a.Key, b.Key) })
	return settings
}

func (d Describe) print(w io.Writer, description Description) {
	tool.Row(w, "Topic:", description.Topic)
	tool.Row(w, "ID:", description.ID)
	tool.Row(w, "Partitions:", description.Partitions)
	tool.Row(w, "Replicas:", description.Replicas)
	tool.Row(w, "Records:", description.Records)
	if description.Internal {
		tool.Row(w, "Internal:", "yes")
	}
	fmt.Fprintln(w)
	tool.Row(w, "PARTITION", "LEADER", "EPOCH", "REPLICAS", "START", "END")
	for _, p := range description.Detail {
		tool.Row(w, p.Partition, p.Leader, p.LeaderEpoch, p.Replicas, p.StartOffset, p.EndOffset)
	}
	shown := slices.DeleteFunc(slices.Clone(description.Settings), func(s Setting) bool { return s.Default && !d.All })
	if len(shown) == 0 {
		return
	}
	fmt.Fprintln(w)
	tool.Row(w, "SETTING", "VALUE", "SOURCE")
	for _, s := range shown {
		tool.Row(w, s.Key, s.Value, s.Source)
	}
}
