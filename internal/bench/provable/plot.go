package provable

import (
	"fmt"
	"math"
	"strings"
)

// The drawing's size and margins, in its own units.
const (
	plotWidth, plotHeight = 640, 400
	plotLeft, plotBottom  = 70, 60
	plotTop, plotRight    = 40, 20
)

// Plot draws, as SVG, what a proof costs against the logarithm of the log's size,
// on which it grows in a straight line.
func (r *Result) Plot() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", plotWidth, plotHeight)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	fmt.Fprintf(&b, `<text x="%d" y="22" font-size="15">Time of a proof by records in the log</text>`+"\n", plotLeft)
	most, low, high := 0.0, math.Inf(1), math.Inf(-1)
	for _, p := range r.Proofs {
		most = max(most, p.Warm.P50, p.CPU)
		low, high = min(low, math.Log10(float64(p.Records))), max(high, math.Log10(float64(p.Records)))
	}
	step := math.Pow(10, math.Floor(math.Log10(max(most, 1))))
	most = math.Ceil(most/step) * step
	x := func(records int64) float64 {
		if high <= low {
			return plotLeft
		}
		return plotLeft + (math.Log10(float64(records))-low)/(high-low)*(plotWidth-plotLeft-plotRight)
	}
	y := func(us float64) float64 { return plotHeight - plotBottom - us/most*(plotHeight-plotBottom-plotTop) }
	for us := 0.0; us <= most; us += step / 2 {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.0f µs</text>`+"\n",
			plotLeft, y(us), plotWidth-plotRight, plotLeft-6, y(us)+4, us)
	}
	var line []string
	for _, p := range r.Proofs {
		line = append(line, fmt.Sprintf("%.1f,%.1f", x(p.Records), y(p.Warm.P50)))
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="4" fill="#1b6ac9"/>`, x(p.Records), y(p.Warm.P50))
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">10^%.3g</text>`, x(p.Records), plotHeight-plotBottom+20, math.Log10(float64(p.Records)))
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#666">log2 %d</text>`+"\n", x(p.Records), plotHeight-plotBottom+38, p.Levels)
	}
	fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="#1b6ac9" stroke-width="2"/>`+"\n</svg>\n", strings.Join(line, " "))
	return b.String()
}
