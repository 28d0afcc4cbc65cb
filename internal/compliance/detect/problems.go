package detect

import (
	"errors"
	"fmt"
	"math"
)

// Problems gathers what is wrong with a configuration, to name all of it at once. The zero value is empty.
type Problems []error

// Bad adds a problem.
func (p *Problems) Bad(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

// Add takes an error: a joined one apart, nil as none.
func (p *Problems) Add(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			p.Add(e)
		}
	} else if err != nil {
		*p = append(*p, err)
	}
}

// Within checks a member that is a number; most math.MaxInt means no upper bound.
func (p *Problems) Within(member string, n, least, most int) {
	switch {
	case n >= least && n <= most:
	case most == math.MaxInt:
		p.Bad("%s: must be %d or more", member, least)
	default:
		p.Bad("%s: must be %d to %d", member, least, most)
	}
}

// Err joins the problems; nil without any.
func (p Problems) Err() error { return errors.Join(p...) }
