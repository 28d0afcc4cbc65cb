package topology

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func demo() Stack { return Stack{Members: Founding()} }

// joined is the folder of a firm that joined with hosts of its own.
func joined() Stack {
	return Stack{TLS: true, Members: []Member{{Name: "best-foods", DisplayName: "Best Foods", Host: "node.best.example", Kind: Node, Ingest: true}}}
}

func TestPortsAreDistinct(t *testing.T) {
	for name, s := range map[string]Stack{"demo": demo(), "joined": joined()} {
		for from, p := range map[string]Ports{"default": s.DefaultPorts(), "from 20000": s.PortsFrom(20000)} {
			s.Ports = p
			if err := s.Validate(); err != nil {
				t.Errorf("%s, %s: %v", name, from, err)
			}
		}
	}
}

// The well-known ports are in documents and in people's heads.
func TestWellKnownPorts(t *testing.T) {
	p := demo().DefaultPorts()
	for listener, want := range map[string]int{
		"orderer-carrier": 7050, "peer-shipper": 7061, "peer-auditor.ops": 7086, "api-carrier": 8080, "api-auditor": 8083, "influxdb-carrier": 8086,
		"influxdb-auditor.rpc": 8093, "ingest-carrier": 8070, "mqtt-carrier": 1883,
	} {
		if p[listener] != want {
			t.Errorf("%s has port %d, want %d", listener, p[listener], want)
		}
	}
}

func TestPortsFromStayInTheirSpan(t *testing.T) {
	s := demo()
	for name, port := range s.PortsFrom(20000) {
		if port < 20000 || port >= 20000+Span*len(s.Members) {
			t.Errorf("%s has port %d", name, port)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Stack)
		want   string
	}{
		"nothing":       {func(*Stack) {}, ""},
		"missing":       {func(s *Stack) { delete(s.Ports, "influxdb-carrier") }, "port of influxdb-carrier is 0"},
		"twice":         {func(s *Stack) { s.Ports["influxdb-carrier"] = s.Ports["mqtt-carrier"] }, "influxdb-carrier and mqtt-carrier have the same port 1883"},
		"a name twice":  {func(s *Stack) { s.Members[1].Name = "carrier" }, "member carrier is named twice"},
		"upper case":    {func(s *Stack) { s.Members[1].Name = "Shipper" }, `name "Shipper": must be 1 to 24`},
		"an orderer":    {func(s *Stack) { s.Members[1].Name = "carrier-orderer" }, "must end neither with -orderer"},
		"no kind":       {func(s *Stack) { s.Members[1].Kind = "" }, `kind "": must be node or client`},
		"client ingest": {func(s *Stack) { s.Members[0].Kind = Client }, "a client member has keys alone"},
		"host and port": {func(s *Stack) { s.Members[0].Host = "a.example:80" }, "must be an IP address or a DNS name, without a port"},
		"all addresses": {func(s *Stack) { s.Members[0].Host = "0.0.0.0" }, "at which others reach"},
		"plain text":    {func(s *Stack) { s.Members[0].Host = "192.0.2.7" }, "host 192.0.2.7 is not loopback: it needs --tls"},
		"loopback":      {func(s *Stack) { s.Members[0].Host = "127.0.0.7" }, ""},
		"two lines":     {func(s *Stack) { s.Members[0].DisplayName = "a\nb" }, "of one line"},
	} {
		s := demo()
		s.Ports = s.DefaultPorts()
		tt.change(&s)
		if err := s.Validate(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestEveryListenerHasAPort(t *testing.T) {
	for _, s := range []Stack{demo(), joined()} {
		ports := s.DefaultPorts()
		seen := map[string]bool{}
		for _, p := range s.Processes() {
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
}

// A firm that joined runs no orderer and no fleet; a client member runs nothing.
func TestProcessesOfAFirmThatJoined(t *testing.T) {
	s := joined()
	s.Members = append(s.Members, Member{Name: "broker", DisplayName: "Broker", Host: Loopback, Kind: Client})
	var names []string
	for _, p := range s.Processes() {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "peer-best-foods chaincode-best-foods influxdb-best-foods ingest-best-foods api-best-foods" {
		t.Error(got)
	}
}

// What others must reach is at the member's host; the rest does not leave the machine.
func TestHosts(t *testing.T) {
	s := joined()
	s.Ports = s.DefaultPorts()
	var outside, inside []string
	for _, l := range slices.Sorted(maps.Keys(s.Ports)) {
		if strings.HasPrefix(s.Addr(l), "node.best.example:") {
			outside = append(outside, l)
		} else if strings.HasPrefix(s.Addr(l), "127.0.0.1:") {
			inside = append(inside, l)
		}
	}
	if got := strings.Join(outside, " "); got != "api-best-foods ingest-best-foods mqtt-best-foods peer-best-foods" {
		t.Errorf("others reach %s", got)
	}
	if len(outside)+len(inside) != len(s.Ports) {
		t.Errorf("%v and %v are not all of %v", outside, inside, s.Ports)
	}
	if got := s.Ops(APIProcess("best-foods")); got != "api-best-foods.ops" {
		t.Errorf("the metrics of an API that others reach are at %s", got)
	}
	s.Members[0].Host = "::1"
	if got := s.URL(APIProcess("best-foods")); got != "https://[::1]:8080" {
		t.Error(got)
	}
}

func TestOrgNames(t *testing.T) {
	s := demo()
	for _, o := range s.Orgs() {
		if o.Domain() == o.OrdererDomain() {
			t.Errorf("%s: both authorities have the same domain", o)
		}
	}
	if got := Org("carrier").MSP() + " " + Org("carrier").OrdererMSP(); got != "CarrierMSP CarrierOrdererMSP" {
		t.Error(got)
	}
	if got := fmt.Sprint(s.Users("carrier"), s.Users("auditor")); got != "[{api operator} {ingest ingest}] [{api operator}]" {
		t.Error(got)
	}
}
