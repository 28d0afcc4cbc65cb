package compliance

// Builtin rule sets, and one by reference. A published version never changes: its hash is on ledgers.
func Builtin() []RuleSet { return append([]RuleSet(nil), builtin...) }

// Lookup finds a builtin rule set by "id@version".
func Lookup(ref string) (RuleSet, bool) {
	for _, r := range builtin {
		if r.Ref() == ref {
			return r, true
		}
	}
	return RuleSet{}, false
}

var builtin = []RuleSet{
	{ID: "general-2-8", Version: 1, Title: "Refrigerated goods, 2 to 8 °C, freeze-sensitive", MaxGapS: 900, Rules: []Rule{
		{ID: "warm", Metric: "temperature", Op: ">", Limit: "8", Mode: "consecutive", DurationS: 1800, Severity: "major"},
		{ID: "hot", Metric: "temperature", Op: ">=", Limit: "25", Mode: "instant", Severity: "critical"},
		{ID: "cold", Metric: "temperature", Op: "<", Limit: "2", Mode: "consecutive", DurationS: 1200, Severity: "major"},
		{ID: "freeze", Metric: "temperature", Op: "<=", Limit: "-0.5", Mode: "consecutive", DurationS: 3600, Severity: "critical"},
	}},
	{ID: "demo-2-8", Version: 1, Title: "2 to 8 °C with short durations, for demonstrations", MaxGapS: 120, Rules: []Rule{
		{ID: "warm", Metric: "temperature", Op: ">", Limit: "8", Mode: "consecutive", DurationS: 20, Severity: "major"},
		{ID: "cold", Metric: "temperature", Op: "<", Limit: "2", Mode: "consecutive", DurationS: 20, Severity: "major"},
		{ID: "damp", Metric: "humidity", Op: ">", Limit: "90", Mode: "consecutive", DurationS: 60, Severity: "minor"},
		{ID: "shock", Metric: "shock", Op: ">=", Limit: "245", Mode: "instant", Severity: "major"},
	}},
	{ID: "room-15-25", Version: 1, Title: "Controlled room temperature, 15 to 25 °C", MaxGapS: 1800, Rules: []Rule{
		{ID: "warm", Metric: "temperature", Op: ">", Limit: "25", Mode: "consecutive", DurationS: 3600, Severity: "major"},
		{ID: "hot", Metric: "temperature", Op: ">", Limit: "40", Mode: "instant", Severity: "critical"},
		{ID: "cold", Metric: "temperature", Op: "<", Limit: "15", Mode: "consecutive", DurationS: 3600, Severity: "major"},
	}},
	{ID: "frozen-20", Version: 1, Title: "Frozen goods, -25 to -15 °C", MaxGapS: 900, Rules: []Rule{
		{ID: "warm", Metric: "temperature", Op: ">", Limit: "-15", Mode: "consecutive", DurationS: 900, Severity: "critical"},
		{ID: "cold", Metric: "temperature", Op: "<", Limit: "-25", Mode: "consecutive", DurationS: 3600, Severity: "minor"},
	}},
	{ID: "fragile-goods", Version: 1, Title: "Fragile goods: shock", MaxGapS: 900, Rules: []Rule{
		{ID: "knock", Metric: Acceleration, Op: ">=", Limit: "15", Mode: "instant", Severity: "minor"},
		{ID: "drop", Metric: Acceleration, Op: ">=", Limit: "25", Mode: "instant", Severity: "major"},
		{ID: "shock", Metric: "shock", Op: ">=", Limit: "245", Mode: "instant", Severity: "critical"},
	}},
	{ID: "dry-goods", Version: 1, Title: "Dry goods: humidity", MaxGapS: 3600, Rules: []Rule{
		{ID: "damp", Metric: "humidity", Op: ">", Limit: "65", Mode: "consecutive", DurationS: 86400, Severity: "major"},
		{ID: "wet", Metric: "humidity", Op: ">", Limit: "90", Mode: "consecutive", DurationS: 3600, Severity: "critical"},
	}},
}
