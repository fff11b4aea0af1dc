// Package cluster is what "evident cluster" does: telling of the brokers and
// their disks.
package cluster

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/tool"
)

// Info is "evident cluster info".
type Info struct{}

// Cluster is what there is to say.
type Cluster struct {
	ID         string   `json:"id"`
	Controller int32    `json:"controller"` // -1: none
	Brokers    []Broker `json:"brokers"`
	Folders    []Folder `json:"folders"`
}

// Broker is one broker.
type Broker struct {
	Broker int32   `json:"broker"`
	Host   string  `json:"host"`
	Port   int32   `json:"port"`
	Rack   *string `json:"rack,omitempty"`
}

// Folder is where a broker keeps partitions; sizes are in bytes.
type Folder struct {
	Broker     int32  `json:"broker"`
	Path       string `json:"path"`
	Partitions int    `json:"partitions"`
	Size       int64  `json:"size"`
	Free       int64  `json:"free"`  // of the disk; -1: not told
	Total      int64  `json:"total"` // of the disk; -1: not told
	Error      string `json:"error,omitempty"`
}

// Run prints it.
func (Info) Run(ctx context.Context, env tool.Env) error {
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		meta, err := adm.BrokerMetadata(ctx)
		if err != nil {
			return err
		}
		c := Cluster{ID: meta.Cluster, Controller: meta.Controller}
		for _, b := range meta.Brokers {
			c.Brokers = append(c.Brokers, Broker{b.NodeID, b.Host, b.Port, b.Rack})
		}
		slices.SortFunc(c.Brokers, func(x, y Broker) int { return cmp.Compare(x.Broker, y.Broker) })
		dirs, err := adm.DescribeAllLogDirs(ctx, nil)
		if err != nil {
			return err
		}
		c.Folders = folders(dirs)
		return env.Print(c, c.print)
	})
}

func folders(dirs kadm.DescribedAllLogDirs) []Folder {
	all := []Folder{}
	for _, d := range dirs.Sorted() {
		f := Folder{Broker: d.Broker, Path: d.Dir, Free: d.UsableBytes, Total: d.TotalBytes}
		if d.Err != nil {
			f.Error = d.Err.Error()
		}
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			f.Partitions++
			f.Size += p.Size
		})
		all = append(all, f)
	}
	return all
}

func (c Cluster) print(w io.Writer) {
	tool.Row(w, "Cluster:", c.ID)
	tool.Row(w, "Controller:", c.Controller)
	fmt.Fprintln(w)
	tool.Row(w, "BROKER", "HOST", "PORT")
	for _, b := range c.Brokers {
		tool.Row(w, b.Broker, b.Host, b.Port)
	}
	fmt.Fprintln(w)
	tool.Row(w, "BROKER", "FOLDER", "PARTITIONS", "SIZE", "FREE", "TOTAL")
	for _, f := range c.Folders {
		if f.Error != "" {
			tool.Row(w, f.Broker, f.Path, f.Error)
			continue
		}
		tool.Row(w, f.Broker, f.Path, f.Partitions, size(f.Size), size(f.Free), size(f.Total))
	}
}

// size is n bytes as people read them.
func size(n int64) string {
	if n < 0 {
		return "-"
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
