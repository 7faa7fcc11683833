package ledger

import "slices"

// Passes says whether the event passes, exactly as a query decides it.
func (f Filter) Passes(e Event) bool {
	if len(f.Types) > 0 && !slices.Contains(f.Types, e.Type) || slices.Contains(f.NotTypes, e.Type) {
		return false
	}
	return !slices.ContainsFunc(f.Fields, func(field FieldFilter) bool { return !field.passes(e) })
}

func (f FieldFilter) passes(e Event) bool {
	value := value{kind: kindAbsent}
	for _, field := range e.Fields {
		if field.Name == f.Name {
			value = parseValue(field.JSON)
		}
	}
	present := value.kind != kindAbsent
	if f.Exists != nil && *f.Exists != present {
		return false
	}
	if f.In != nil && !(present && value.equals(f.In)) {
		return false
	}
	return !present || !value.equals(f.NotIn)
}

// equals says whether the value is written like one of the texts.
func (v value) equals(texts []string) bool {
	switch v.kind {
	case kindNumber:
		return slices.Contains(texts, string(appendPlain(nil, v.mantissa, v.scale)))
	case kindText, kindOdd:
		return slices.Contains(texts, v.text)
	case kindNested, kindAbsent:
	}
	return false
}
