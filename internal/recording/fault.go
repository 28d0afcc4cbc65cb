package recording

import "fmt"

// Fault is what keeps a file from being read: where, why, and what to do.
type Fault struct {
	Line   int    // from 1; 0 = an option
	Column string // its header, "" = the line
	Reason string
}

func (f *Fault) Error() string {
	switch {
	case f.Line == 0:
		return f.Reason
	case f.Column == "":
		return fmt.Sprintf("line %d: %s", f.Line, f.Reason)
	}
	return fmt.Sprintf("line %d, column %s: %s", f.Line, f.Column, f.Reason)
}
