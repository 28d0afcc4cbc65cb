package topology

import (
	"fmt"
	"strings"
	"testing"
)

func TestPortsAreDistinct(t *testing.T) {
	for name, p := range map[string]Ports{"default": DefaultPorts(), "from 20000": PortsFrom(20000)} {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPortsFromStayInTheirSpan(t *testing.T) {
	for name, port := range PortsFrom(20000) {
		if port < 20000 || port >= 20000+Span {
			t.Errorf("%s has port %d", name, port)
		}
	}
}

func TestPortsValidate(t *testing.T) {
	missing := DefaultPorts()
	delete(missing, InfluxProcess(Operator))
	twice := DefaultPorts()
	twice[InfluxProcess(Operator)] = twice[MQTT]
	for name, tt := range map[string]struct {
		ports Ports
		want  string
	}{
		"missing": {missing, "port of influxdb-carrier is 0"},
		"twice":   {twice, "influxdb-carrier and mqtt have the same port 1883"},
	} {
		if err := tt.ports.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestEveryListenerHasAPort(t *testing.T) {
	ports := DefaultPorts()
	seen := map[string]bool{}
	for _, p := range Processes() {
		if seen[p.Name] {
			t.Errorf("%s occurs twice", p.Name)
		}
		seen[p.Name] = true
		for _, l := range p.Listeners {
			if ports[l] == 0 {
				t.Errorf("%s: listener %s has no port", p.Name, l)
			}
			delete(ports, l)
		}
	}
	for l := range ports {
		t.Errorf("port of %s belongs to no process", l)
	}
}

func TestOrgNames(t *testing.T) {
	for _, o := range Orgs {
		if o.Domain() == o.OrdererDomain() {
			t.Errorf("%s: both authorities have the same domain", o)
		}
	}
	if got := Org("carrier").MSP() + " " + Org("carrier").OrdererMSP(); got != "CarrierMSP CarrierOrdererMSP" {
		t.Error(got)
	}
	if got := fmt.Sprint(Org("carrier").Users(), Org("auditor").Users()); got != "[{api operator} {ingest ingest}] [{api operator}]" {
		t.Error(got)
	}
}
