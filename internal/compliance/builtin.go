package compliance

import (
	"embed"
	"fmt"
	"slices"
	"sync"
)

//go:embed builtin/*.json
var builtinFiles embed.FS

// builtinOrder is how listings show them. A published version never changes: its hash is on ledgers.
var builtinOrder = []string{
	"general-2-8-v1", "demo-2-8-v1", "room-15-25-v1", "frozen-20-v1", "fragile-goods-v1", "fragile-goods-v2", "dry-goods-v1", "refrigerated-2-8-us-v1",
	"refrigerated-2-8-de-v1", "crt-us-v1", "crt-eu-v1", "cool-8-15-v1", "deep-frozen-70-v1", "deep-frozen-70-thaw-v1", "quick-frozen-18-v1",
	"who-pqs-shipping-1-v1", "who-pqs-shipping-2-v1", "fridge-30-day-v1", "vaccine-store-v1",
}

var builtin = sync.OnceValue(func() []RuleSet {
	var all []RuleSet
	for _, name := range builtinOrder {
		data, err := builtinFiles.ReadFile("builtin/" + name + ".json")
		if err == nil {
			var r RuleSet
			if r, err = Parse(data); err == nil {
				all = append(all, r)
			}
		}
		if err != nil { // a test reads them all
			panic(fmt.Sprintf("builtin rule set %s: %v", name, err))
		}
	}
	return all
})

// Builtin rule sets, in the order in which listings show them.
func Builtin() []RuleSet { return slices.Clone(builtin()) }

// Lookup finds a builtin rule set by "id@version".
func Lookup(ref string) (RuleSet, bool) {
	for _, r := range builtin() {
		if r.Ref() == ref {
			return r, true
		}
	}
	return RuleSet{}, false
}
