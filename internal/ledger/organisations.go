package ledger

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

func checkMSP(member, msp string) error {
	if OrgOf(msp) == "" {
		return invalid("%s: %.80q is not an MSP of this channel", member, msp)
	}
	return nil
}
