package launcher

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// Env writes what a shell needs to speak to the stack: `eval "$(go run ./network env)"`.
func (l *Launcher) Env() error {
	if l.broken != nil {
		return l.broken
	}
	var b strings.Builder
	export := func(name, value string) { fmt.Fprintf(&b, "export %s=%s\n", name, quote(value)) }
	export("TRACKSEAL_DIR", l.Stack.Dir)
	export("TRACKSEAL_STACK", l.Stack.Dir)
	export("TRACKSEAL_MQTT", l.Stack.MQTTURL())
	export("TRACKSEAL_INFLUX", l.Stack.URL(topology.Influx))
	for _, o := range topology.Orgs {
		secrets, err := l.clientSecrets(o)
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s holds no stack: run `network up` first", l.Stack.Dir)
		}
		if err != nil {
			return err
		}
		prefix := "TRACKSEAL_" + strings.ToUpper(string(o))
		export(prefix+"_URL", l.Stack.URL(topology.APIProcess(o)))
		export(prefix+"_CLIENT_ID", AdminClient(o))
		export(prefix+"_CLIENT_SECRET", secrets[AdminClient(o)])
	}
	_, err := fmt.Fprint(l.Out, b.String())
	return err
}

// quote for a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// farewell tells how to go on: the dashboard of every organisation with a way in, and the shell's variables.
func (l *Launcher) farewell(with func(topology.Group) bool) {
	again := "go run ./network"
	if os.Getenv("TRACKSEAL_DIR") != l.Stack.Dir && l.Stack.Dir != DefaultDir(l.Stack.Root) {
		again += " --dir " + quote(l.Stack.Dir)
	}
	if with(topology.GroupAPI) && l.hasSource(needs[topology.GroupAPI]) {
		fmt.Fprintln(l.Out, "\ndashboards (the link signs you in as a reader; what follows # never leaves the browser):")
		for _, o := range topology.Orgs {
			secrets, err := l.clientSecrets(o)
			if err != nil {
				continue // the api runs; only the convenience is missing
			}
			id := ViewerClient(o)
			fmt.Fprintf(l.Out, "  %-10s %s/#client=%s&secret=%s\n", o, l.Stack.URL(topology.APIProcess(o)), id, secrets[id])
		}
	}
	fmt.Fprintf(l.Out, "\n  eval \"$(%s env)\"   addresses and credentials for your shell\n", again)
	fmt.Fprintf(l.Out, "  %s status         what runs\n", again)
	fmt.Fprintf(l.Out, "  %s down           stop it\n", again)
}
