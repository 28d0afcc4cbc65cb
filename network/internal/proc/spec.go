package proc

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/trackseal/trackseal/internal/secure"
)

// Spec says how to run one process. It is stored as JSON, so that the supervisor and `status` know it as well.
type Spec struct {
	Name string   `json:"name"`
	Path string   `json:"path"` // the program
	Args []string `json:"args,omitempty"`
	Env  []string `json:"env,omitempty"` // beside a few variables of the caller: PATH, HOME, TMPDIR, TZ, GOMEMLIMIT, …
	Dir  string   `json:"dir"`           // working folder
	Log  string   `json:"log"`           // both outputs are appended here
	// Inputs stands for the content of the files that it reads at its start (Reads): the program, its configuration, its certificates. A
	// change restarts the process.
	Inputs string   `json:"inputs,omitempty"`
	Reads  []string `json:"reads,omitempty"`
	Ready  Probe    `json:"ready"`
	// Live asks whether the process answers at all. One that is busy or waits for another answers, and is not ready; one that
	// does not answer for long is started again. The zero Probe asks nothing.
	Live Probe `json:"live,omitzero"`
}

// Hash changes when the process has to be restarted to follow its spec.
func (s Spec) Hash() string {
	s.Ready, s.Live, s.Reads = Probe{}, Probe{}, nil
	data, _ := json.Marshal(s) // strings only: cannot fail
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// Probe asks a running process whether it does its work. The zero Probe is content with a living process.
type Probe struct {
	HTTP string `json:"http,omitempty"` // URL that answers 2xx
	CA   string `json:"ca,omitempty"`   // PEM file of the authority of an https URL
	TLS  string `json:"tls,omitempty"`  // host:port that completes a TLS greeting
	Beat string `json:"beat,omitempty"` // file that the process touches all the time
}

// Why a probe fails, beside Unready. Anything else, such as a certificate that is not believed, is an answer.
var (
	ErrRefused = errors.New("nobody listens") // as while a process starts
	ErrSilent  = errors.New("no answer")
)

// Unready is what a process that answers says of itself.
type Unready string

func (u Unready) Error() string { return string(u) }

// staleBeat is how old a beat may be: who beats may wait for a lock for a while.
const staleBeat = 30 * time.Second

// probeClient keeps no connections: a probe must see the process as it is now.
func probeClient(ca string) (*http.Client, error) {
	t, err := secure.Client{CA: ca}.Transport()
	if err != nil {
		return nil, err
	}
	t.DisableKeepAlives = true
	return &http.Client{Transport: t, Timeout: 3 * time.Second}, nil
}

// Check asks once; nil means ready.
func (p Probe) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	switch {
	case p.HTTP != "":
		return checkHTTP(ctx, p.HTTP, p.CA)
	case p.TLS != "":
		return checkTLS(ctx, p.TLS)
	case p.Beat != "":
		return checkBeat(p.Beat)
	}
	return nil
}

func checkBeat(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w to: %w", ErrRefused, err) // it starts
	}
	if d := time.Since(info.ModTime()); d > staleBeat {
		return Unready("it has done nothing for " + d.Round(time.Second).String())
	}
	return nil
}

func checkHTTP(ctx context.Context, url, ca string) error {
	client, err := probeClient(ca)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad {
		return fmt.Errorf("%s: %w", url, err)
	}
	if err != nil {
		return noAnswer(url, err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 16<<10))
	if res.StatusCode/100 == 2 {
		return nil
	}
	if said := failing(body); said != "" {
		return Unready(said)
	}
	return Unready(fmt.Sprintf("%s answers %d: %.500s", url, res.StatusCode, strings.Join(strings.Fields(string(body)), " ")))
}

func noAnswer(at string, err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w at %s", ErrRefused, at)
	}
	return fmt.Errorf("%w at %s", ErrSilent, at)
}

// failing is what our own programs say of themselves at /readyz when they are not ready; "" when it is not that.
func failing(body []byte) string {
	var answer struct {
		Checks []struct {
			Name   string `json:"name"`
			OK     bool   `json:"ok"`
			Detail string `json:"detail"`
		} `json:"checks"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return ""
	}
	var said []string
	for _, c := range answer.Checks {
		if !c.OK {
			said = append(said, c.Name+": "+c.Detail)
		}
	}
	return strings.Join(said, "; ")
}

func checkTLS(ctx context.Context, addr string) error {
	// Only whether it greets is asked: who it is, its clients verify. A server that insists on a client certificate
	// greets all the same (TLS 1.3).
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		_, dialed := errors.AsType[*net.OpError](err)
		if dialed || ctx.Err() != nil {
			return noAnswer(addr, err)
		}
		return fmt.Errorf("%s: %w", addr, err)
	}
	return conn.Close()
}
