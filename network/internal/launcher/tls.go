package launcher

import (
	"context"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"

	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/network/internal/identity"
	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// makeTLS fills tls in one step: an authority of this stack, a certificate for each program that listens, and one with which
// the launcher reads the nodes' metrics.
func (l *Launcher) makeTLS(context.Context, func(string)) (string, error) {
	if !l.Stack.TLS {
		return "none: plain text on the loopback interface", nil
	}
	if _, err := os.Stat(l.Stack.TLSDir()); err == nil {
		return "kept", nil
	}
	draft := l.Stack
	draft.Dir = filepath.Join(l.Stack.RunDir(), "new-tls")
	if err := os.RemoveAll(draft.Dir); err != nil {
		return "", err
	}
	root, err := identity.NewAuthority("Trackseal development stack")
	if err != nil {
		return "", err
	}
	if err := l.keep(root, draft.Authority(), draft.AuthorityKey()); err != nil {
		return "", err
	}
	authority, err := identity.Load(draft.Authority(), draft.AuthorityKey())
	if err != nil {
		return "", err
	}
	usages := map[string]x509.ExtKeyUsage{topology.LauncherName: x509.ExtKeyUsageClientAuth}
	for _, o := range l.Stack.Ingests() {
		usages[topology.MQTT(o)] = x509.ExtKeyUsageServerAuth
	}
	for _, p := range l.Stack.Processes() {
		if len(p.Listeners) > 0 {
			usages[p.Name] = x509.ExtKeyUsageServerAuth
		}
	}
	for name, usage := range usages {
		pair, err := authority.TLS(name, usage)
		if err != nil {
			return "", err
		}
		if err := l.keep(pair, draft.ServerCert(name), draft.ServerKey(name)); err != nil {
			return "", err
		}
	}
	if err := os.Rename(draft.TLSDir(), l.Stack.TLSDir()); err != nil {
		return "", err
	}
	return "made", os.RemoveAll(draft.Dir)
}

func (l *Launcher) keep(p identity.Pair, cert, key string) error {
	if err := l.write(cert, p.Cert); err != nil {
		return err
	}
	return l.write(key, p.Key)
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
