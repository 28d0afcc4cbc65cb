package ledger

// Roles that a shipment's parties map to MSP ids. An organisation may hold several.
const (
	Carrier   = "carrier"
	Shipper   = "shipper"
	Consignee = "consignee"
	Auditor   = "auditor"
)

// Roles in the order in which code walks them: never walk Shipment.Parties itself where the order could show.
var Roles = []string{Carrier, Shipper, Consignee, Auditor}

// Organisation is a member of the channel.
type Organisation struct {
	Name string // carrier, …
	MSP  string // CarrierMSP, …
}

// Organisations of the channel (docs/formats.md). A shipment's parties are among them.
var Organisations = []Organisation{
	{"carrier", "CarrierMSP"},
	{"shipper", "ShipperMSP"},
	{"consignee", "ConsigneeMSP"},
	{"auditor", "AuditorMSP"},
}

// MSPOf returns the MSP id of an organisation, "" when there is no such organisation.
func MSPOf(name string) string {
	for _, o := range Organisations {
		if o.Name == name {
			return o.MSP
		}
	}
	return ""
}

// OrgOf returns the organisation of an MSP id, "" when there is none.
func OrgOf(msp string) string {
	for _, o := range Organisations {
		if o.MSP == msp {
			return o.Name
		}
	}
	return ""
}

// IsParty reports whether the organisation with this MSP id takes part in the shipment in any role.
func (s *Shipment) IsParty(msp string) bool {
	if msp == "" {
		return false
	}
	for _, role := range Roles {
		if s.Parties[role] == msp {
			return true
		}
	}
	return false
}

// OpenAssignment returns the index of the tracker's open assignment to this shipment, or -1.
func (s *Shipment) OpenAssignment(tracker string) int {
	for i := range s.Assignments {
		if s.Assignments[i].Tracker == tracker && s.Assignments[i].ToMS == 0 {
			return i
		}
	}
	return -1
}
