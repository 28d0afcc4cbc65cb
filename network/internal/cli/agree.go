package cli

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/trackseal/trackseal/network/internal/launcher"
)

// agree shows what a reset deletes and lets the operator decide. Without somebody to ask, only yes will do.
func agree(t Terminal, l *launcher.Launcher, yes bool) error {
	all, err := l.Doomed()
	if err != nil || len(all) == 0 {
		return err
	}
	fmt.Fprintf(t.Out, "reset deletes, in %s:\n", l.Stack.Dir)
	tw := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
	for _, d := range all {
		fmt.Fprintf(tw, "  %s\t%s\t%s\n", d.Name, amount(d.Bytes), d.What)
	}
	if err := tw.Flush(); err != nil || yes {
		return err
	}
	if !t.Interactive {
		return launcher.Misuse{Err: errors.New("nothing was deleted: there is nobody to ask; `network reset --yes` deletes it")}
	}
	fmt.Fprint(t.Out, "Type yes to delete it: ")
	answer, _ := bufio.NewReader(t.In).ReadString('\n') // the end of the input is an answer, too
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("nothing was deleted")
	}
	return nil
}

func amount(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d KiB", (bytes+1023)>>10)
}
