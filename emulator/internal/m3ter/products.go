package m3ter

// product groups what is sold together.
type product struct {
	Name         string       `json:"name"`
	Code         string       `json:"code"`
	CustomFields customFields `json:"customFields"`
}

const productKind = "product"

var products = &entity[product]{
	kind: productKind, title: "product", family: "configuration", rows: productRows,
	code:   func(p *product) string { return p.Code },
	custom: func(p *product) customFields { return p.CustomFields }, customKind: "product",
}
