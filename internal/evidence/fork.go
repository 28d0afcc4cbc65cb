package evidence

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// A fork file (.tsf) is the deterministic CBOR array [1, bytes, bytes]: two heads-log bundles that contradict each other.
// Either of them alone would convince; together they show that the consortium, or enough of it, told two stories.

// WriteFork writes a fork file.
func WriteFork(w io.Writer, a, b []byte) error {
	e := &encoder{bufio.NewWriter(w)}
	e.array(3)
	e.uint(FormatVersion)
	e.bytes(a)
	e.bytes(b)
	return e.w.Flush()
}

// ForkReport says what a fork file shows. Its JSON form is stable.
type ForkReport struct {
	Version int    `json:"version"` // of this shape: 1
	Policy  string `json:"policy"`  // SHA-256 of the policy file, hex
	// Proven: both sides are signed as the policy asks, and they cannot both be true.
	Proven bool   `json:"proven"`
	Ingest string `json:"ingest"` // whose heads log, "" when only blocks contradict
	// Contradiction in words, or why nothing is proven.
	Contradiction string    `json:"contradiction"`
	Sides         []*Report `json:"sides"`
}

// VerifyFork checks a fork file. The error is one of reading.
func VerifyFork(r io.Reader, policy *Policy) (*ForkReport, error) {
	d := &decoder{r: bufio.NewReaderSize(r, 64<<10), sum: sha256.New(), budget: 2 * maxString}
	d.tuple(3)
	d.version()
	sides := [][]byte{d.bytes(), d.bytes()}
	d.end()
	out := &ForkReport{Version: 1, Policy: fmt.Sprintf("%x", policy.hash), Sides: []*Report{}}
	var f *fabricproof.Fault
	if errors.As(d.err, &f) {
		out.Contradiction = "not a fork file: " + f.Error()
		return out, nil
	}
	if d.err != nil {
		return nil, fmt.Errorf("read the fork file: %w", d.err)
	}
	var proofs []*HeadsProof
	for i, side := range sides {
		p, err := VerifyHeadsLog(bytes.NewReader(side), policy, Options{})
		if err != nil {
			out.Contradiction = fmt.Sprintf("side %d: %v", i+1, err)
			return out, nil
		}
		out.Sides, proofs = append(out.Sides, p.Report), append(proofs, p)
	}
	out.Ingest, out.Contradiction, out.Proven = Contradiction(proofs[0], proofs[1])
	return out, nil
}

// Contradiction says how two bundles contradict each other. Proven is false when they do not, or when one of them does not
// hold by itself.
func Contradiction(a, b *HeadsProof) (ingest, how string, proven bool) {
	for i, p := range []*HeadsProof{a, b} {
		if p.Final && p.Broken {
			return p.Anchors[len(p.Anchors)-1].Ingest, fmt.Sprintf("side %d: %s", i+1, p.Fault()), true
		}
	}
	for i, p := range []*HeadsProof{a, b} {
		if !p.Final || !p.Report.Passed {
			return "", fmt.Sprintf("side %d does not hold by itself: %v", i+1, firstOf(p.Report.Findings)), false
		}
	}
	ingest, how, best := "", "the two sides do not contradict each other", none
	for i := range a.Anchors {
		for j := range b.Anchors {
			if text, c := a.Anchors[i].contradicts(&b.Anchors[j]); c < best {
				ingest, how, best = a.Anchors[i].Ingest, text, c
			}
		}
	}
	return ingest, how, best < none
}

// Contradictions, the plainest first.
const (
	twoBlocks = iota
	twoRoots
	twoAnchors
	goesBack
	noSequence
	none
)

// contradicts says how two anchors exclude each other.
func (x *ProvenAnchor) contradicts(y *ProvenAnchor) (how string, which int) {
	switch {
	case x.At.Block == y.At.Block && x.Header != y.Header:
		return fmt.Sprintf("two blocks %d, with header hashes %x and %x", x.At.Block, x.Header, y.Header), twoBlocks
	case x.Heads != y.Heads:
		return "", none
	case x.Size == y.Size && x.Root != y.Root:
		return fmt.Sprintf("two roots of size %d of the heads log of %s: %s and %s", x.Size, x.Ingest, x.Root, y.Root), twoRoots
	case x.N == y.N && (x.Size != y.Size || x.Tx != y.Tx || x.At != y.At):
		return fmt.Sprintf("two anchors %d of %s: size %d in %s and size %d in %s", x.N, x.Ingest, x.Size, place(x.At), y.Size, place(y.At)), twoAnchors
	case x.N < y.N && x.Size >= y.Size, x.N > y.N && x.Size <= y.Size:
		return fmt.Sprintf("the heads log of %s goes back: anchor %d has size %d, anchor %d has size %d", x.Ingest, x.N, x.Size, y.N, y.Size), goesBack
	case x.N+1 == y.N && (y.PrevSize != x.Size || y.PrevRoot != x.Root), y.N+1 == x.N && (x.PrevSize != y.Size || x.PrevRoot != y.Root):
		return fmt.Sprintf("anchors %d and %d of %s do not follow one another", x.N, y.N, x.Ingest), noSequence
	}
	return "", none
}

func firstOf(list []Finding) string {
	for _, f := range list {
		if f.Severity != severityWarn {
			return f.String()
		}
	}
	return "nothing was found"
}
