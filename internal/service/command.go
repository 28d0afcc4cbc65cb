package service

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/trackseal/trackseal/internal/version"
)

// Misuse is a wrong command line: one line, and the exit status 2.
type Misuse struct{ Err error }

func (m Misuse) Error() string { return m.Err.Error() }
func (m Misuse) Unwrap() error { return m.Err }

// Parse reads a program's flags, to which it adds --version. done says that the program has nothing more to do: its version or its usage
// is what was asked for, and is on out. Errors: Misuse.
func Parse(flags *flag.FlagSet, args []string, out io.Writer) (done bool, err error) {
	flags.SetOutput(io.Discard) // a wrong flag is one line, not the whole usage
	tell := flags.Bool("version", false, "say which build this is")
	err = flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(out)
		flags.Usage()
		return true, nil
	case err != nil:
		return false, Misuse{fmt.Errorf("%w; see --help", err)}
	case *tell:
		_, err := fmt.Fprintln(out, version.Line(flags.Name()))
		return true, err
	case flags.NArg() > 0:
		return false, Misuse{fmt.Errorf("unexpected argument %q; see --help", flags.Arg(0))}
	}
	return false, nil
}

// Exit says on stderr what a program ended with, and returns its exit status: 0, 1, or 2 for a wrong command line.
func Exit(program string, err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "%s: %v\n", program, err)
	if _, misused := errors.AsType[Misuse](err); misused {
		return 2
	}
	return 1
}
