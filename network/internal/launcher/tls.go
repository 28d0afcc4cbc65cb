package launcher

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/network/internal/identity"
	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// makeTLS fills tls: an authority of this folder, a certificate for each program that listens, and one with which the launcher reads the
// nodes' metrics.
func (l *Launcher) makeTLS(context.Context, func(string)) (string, error) {
	if !l.Stack.TLS {
		return "none: plain text on the loopback interface", nil
	}
	made, err := identity.MakeServers(l.Stack, identity.Valid, time.Now())
	if err != nil || made == 0 {
		return "kept", err
	}
	return fmt.Sprintf("%d made", made), nil
}

// client asks the stack's own servers. It keeps its connections: a look at the metrics every few seconds need not dial.
func (l *Launcher) client() (*http.Client, error) {
	l.opening.Do(func() {
		var as secure.Client
		if l.Stack.TLS {
			who := topology.LauncherName
			as = secure.Client{CA: l.Stack.Authority(), Cert: l.Stack.ServerCert(who), Key: l.Stack.ServerKey(who)}
		}
		var through *http.Transport
		if through, l.cannot = as.Transport(); l.cannot == nil {
			l.open = &http.Client{Transport: through}
		}
	})
	return l.open, l.cannot
}

// probe asks a listener for a path.
func (l *Launcher) probe(listener, path string) proc.Probe {
	p := proc.Probe{HTTP: l.Stack.URL(listener) + path}
	if l.Stack.TLS {
		p.CA = l.Stack.Authority()
	}
	return p
}
