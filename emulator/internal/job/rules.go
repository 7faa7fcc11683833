package job

import "github.com/submeter/submeter/emulator/internal/store"

// rules holds what a test has set; a kind without a row lives by its vendor's own rule.
var rules = store.NewTable[Rule]("#transitions")

// RuleOf returns the rule that a test has set for jobs of a vendor's kind, or else standard.
func RuleOf(tx *store.Tx, vendor, kind string, standard Rule) Rule {
	if r, ok := rules.Get(tx, vendor+"/"+kind); ok {
		return r
	}
	return standard
}

// SetRule sets how jobs made from now on live.
func SetRule(tx *store.Tx, vendor, kind string, r Rule) { rules.Put(tx, vendor+"/"+kind, r) }

// ClearRule goes back to the vendor's own rule.
func ClearRule(tx *store.Tx, vendor, kind string) { rules.Delete(tx, vendor+"/"+kind) }
