package launcher

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
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
	if l.Stack.TLS {
		export("TRACKSEAL_CA", l.Stack.Authority())
	}
	if all := l.Stack.Ingests(); len(all) > 0 {
		export("TRACKSEAL_MQTT", l.Stack.MQTTURL(all[0]))
		export("TRACKSEAL_INFLUX", l.Stack.URL(topology.InfluxProcess(all[0])))
	}
	for _, o := range l.Stack.Nodes() {
		secrets, err := l.clientSecrets(o)
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s holds no stack: run `network up` first", l.Stack.Dir)
		}
		if err != nil {
			return err
		}
		prefix := "TRACKSEAL_" + strings.ToUpper(strings.ReplaceAll(string(o), "-", "_"))
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
	if l.fromPackage() {
		again = "trackseal-network"
	}
	if os.Getenv("TRACKSEAL_DIR") != l.Stack.Dir && l.Stack.Dir != DefaultDir(l.Stack.Root) {
		again += " --dir " + quote(l.Stack.Dir)
	}
	if with(topology.GroupAPI) && l.has(needs[topology.GroupAPI]) {
		fmt.Fprintln(l.Out, "\ndashboards:")
		var links strings.Builder
		for _, o := range l.Stack.Nodes() {
			secrets, err := l.clientSecrets(o)
			if err != nil {
				continue // the api runs; only the convenience is missing
			}
			id := ViewerClient(o)
			at := l.Stack.URL(topology.APIProcess(o))
			fmt.Fprintf(l.Out, "  %-10s %s\n", o, at)
			fmt.Fprintf(&links, "%-10s %s/#client=%s&secret=%s\n", o, at, id, secrets[id])
		}
		// Secrets stay out of what is printed, since that ends in logs.
		if err := l.write(l.Stack.SignInLinks(), []byte(links.String())); err != nil {
			fmt.Fprintf(l.Out, "no links that sign you in: %v\n", err)
		} else {
			fmt.Fprintf(l.Out, "links that sign you in as a reader (what follows # never leaves the browser): %s\n", l.Stack.SignInLinks())
		}
	}
	if l.Stack.TLS {
		fmt.Fprintf(l.Out, "\nall addresses speak TLS; their authority is %s (curl --cacert, mosquitto_pub --cafile)\n", l.Stack.Authority())
	}
	if soon := l.ending(time.Now()); len(soon) > 0 {
		fmt.Fprintf(l.Out, "\n%d certificates end within 30 days or cannot be read: `%s status` names them, `%s member renew` renews them\n", len(soon), again, again)
	}
	fmt.Fprintf(l.Out, "\n  eval \"$(%s env)\"   addresses and credentials for your shell\n", again)
	fmt.Fprintf(l.Out, "  %s status         what runs\n", again)
	fmt.Fprintf(l.Out, "  %s down           stop it\n", again)
}

// Policy writes the policy file that an auditor of this development stack would write: it pins the channel's first block,
// which this machine made, and the organisations' roots in it. A real auditor gets these from the organisations themselves.
func (l *Launcher) Policy() error {
	raw, err := os.ReadFile(l.Stack.ChannelBlock())
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s holds no stack: run `network up` first", l.Stack.Dir)
	}
	if err != nil {
		return err
	}
	p, err := developmentPolicy(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", l.Stack.ChannelBlock(), err)
	}
	return l.printJSON(p)
}

func developmentPolicy(genesis []byte) (*evidence.Policy, error) {
	block, err := fabricproof.DecodeBlock(genesis)
	if err != nil {
		return nil, err
	}
	return evidence.PolicyOf([]fabricproof.Block{*block}, ledger.Chaincode)
}
