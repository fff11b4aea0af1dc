package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// CPUMeter reads the CPU time, user and system, that a process has used since
// it started. Only differences between two readings mean anything.
type CPUMeter func(context.Context) (time.Duration, error)

// BrokerCPU chooses how to read the broker's CPU time: from its /metrics page
// if metricsURL ("http://127.0.0.1:8080/metrics") answers, else from
// the operating system if pid, a process on this machine, is not 0. If neither
// can be read it is nil.
func BrokerCPU(ctx context.Context, metricsURL string, pid int) CPUMeter {
	if metricsURL != "" {
		if m := MetricsCPU(metricsURL); m.works(ctx) {
			return m
		}
	}
	if pid != 0 {
		if m := ProcessCPU(pid); m.works(ctx) {
			return m
		}
	}
	return nil
}

func (m CPUMeter) works(ctx context.Context) bool {
	_, err := m(ctx)
	return err == nil
}

// cpuMetric is the Prometheus process collector's name for user and system
// time.
const cpuMetric = "process_cpu_seconds_total"

// ErrNoCPU says that a process's CPU time cannot be read in the way asked for.
var ErrNoCPU = errors.New("no CPU time")

// MetricsCPU reads process_cpu_seconds_total from a page in the Prometheus text
// format. Its resolution is that of the process collector: 10 ms on Linux.
func MetricsCPU(url string) CPUMeter {
	client := &http.Client{Timeout: 5 * time.Second}
	return func(ctx context.Context) (time.Duration, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return 0, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return 0, fmt.Errorf("%w at %s: %s", ErrNoCPU, url, resp.Status)
		}
		return findMetric(resp.Body)
	}
}

func findMetric(page io.Reader) (time.Duration, error) {
	lines := bufio.NewScanner(page)
	for lines.Scan() {
		value, ok := strings.CutPrefix(lines.Text(), cpuMetric+" ")
		if !ok {
			continue
		}
		seconds, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", cpuMetric, err)
		}
		return time.Duration(seconds * float64(time.Second)), nil
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("%w: page has no metric %s", ErrNoCPU, cpuMetric)
}

// ProcessCPU reads the CPU time of a process on this machine from Linux's
// /proc/PID/stat, in steps of 10 ms.
func ProcessCPU(pid int) CPUMeter {
	return func(context.Context) (time.Duration, error) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, fmt.Errorf("%w of process %d: %w", ErrNoCPU, pid, err)
		}
		return parseStat(stat)
	}
}

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, 100 on every
// architecture that Go supports on Linux.
const clockTick = time.Second / 100

// parseStat adds utime and stime, fields 14 and 15 (proc_pid_stat(5)). The
// second field, the program's name in parentheses, may itself contain spaces
// and parentheses, so counting starts after the last one.
func parseStat(stat []byte) (time.Duration, error) {
	const utime, stime = 14 - 3, 15 - 3
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) <= stime {
		return 0, fmt.Errorf("%w: %d fields in a stat line of at least 15", ErrNoCPU, len(fields)+2)
	}
	var ticks int64
	for _, f := range []string{fields[utime], fields[stime]} {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: stat line: %w", ErrNoCPU, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}
