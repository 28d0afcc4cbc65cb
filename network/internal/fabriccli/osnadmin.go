package fabriccli

import (
	"bytes"
	"fmt"
	"strings"
)

// OrdererAdmin says how to reach an orderer's admin listener.
type OrdererAdmin struct {
	Address    string
	CAFile     string
	ClientCert string
	ClientKey  string
}

func (a OrdererAdmin) flags() []string {
	return []string{"-o", a.Address, "--ca-file", a.CAFile, "--client-cert", a.ClientCert, "--client-key", a.ClientKey}
}

// OrdererJoin makes an orderer a consenter of a channel.
type OrdererJoin struct {
	Admin   OrdererAdmin
	Channel string
	Block   string
}

func (OrdererJoin) Program() string { return "osnadmin" }
func (j OrdererJoin) Args() []string {
	return append([]string{"channel", "join", "--channelID", j.Channel, "--config-block", j.Block}, j.Admin.flags()...)
}

// Status is the HTTP status that osnadmin prints; it exits with 0 whatever the answer was.
func Status(out []byte) (code int, rest string, err error) {
	first, body, _ := bytes.Cut(out, []byte("\n"))
	if _, err := fmt.Sscanf(string(first), "Status: %d", &code); err != nil {
		return 0, "", fmt.Errorf("osnadmin answered %q", strings.TrimSpace(string(out)))
	}
	return code, strings.Join(strings.Fields(string(body)), " "), nil
}
