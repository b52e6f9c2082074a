package config

import (
	"strconv"
	"strings"
)

// value is one parsed value. Numbers are in both num and float, so that ranges
// and getters need not ask for the type.
type value struct {
	null  bool
	text  string // as Kafka prints it
	num   int64
	float float64
	list  []string // of a List; empty, not nil, for ""
	yes   bool
}

// parse reads text as Kafka does: white space around it does not count,
// true and false in any case, lists split at commas. The error is a *ValueError
// whose text is Kafka's.
func (k *Key) parse(text *string) (value, error) {
	if text == nil {
		return value{null: true}, nil
	}
	v := value{text: strings.TrimSpace(*text)}
	wrong := v.read(k.Type)
	if wrong == "" && k.Valid.check != nil {
		wrong = k.Valid.check(&v)
	}
	if wrong != "" {
		return v, &ValueError{Key: k.Name, Value: *text, List: k.Valid.whole, Reason: wrong, Valid: k.Valid.text, Secret: k.Type == Password}
	}
	return v, nil
}

// read fills in the parsed forms of v.text and says what is wrong with it.
func (v *value) read(t Type) string {
	switch t {
	case Boolean:
		v.yes = strings.EqualFold(v.text, "true")
		if !v.yes && !strings.EqualFold(v.text, "false") {
			return "Expected value to be either true or false"
		}
		v.text = strings.ToLower(v.text)
	case Int, Short, Long:
		bits := map[Type]int{Int: 32, Short: 16, Long: 64}[t]
		n, err := strconv.ParseInt(v.text, 10, bits)
		if err != nil {
			return "Not a number of type " + t.String()
		}
		v.num, v.float, v.text = n, float64(n), strconv.FormatInt(n, 10)
	case Double:
		f, err := strconv.ParseFloat(v.text, 64)
		if err != nil {
			return "Not a number of type " + t.String()
		}
		v.float, v.num, v.text = f, int64(f), formatDouble(f)
	case List:
		v.list = splitList(v.text)
	}
	return ""
}

// splitList splits at commas and drops the white space around them.
func splitList(s string) []string {
	if strings.TrimSpace(s) == "" {
		return []string{}
	}
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// formatDouble prints f as Java does: 0.5, 3.0, 1.7976931348623157E308.
func formatDouble(f float64) string {
	size := f
	if size < 0 {
		size = -size
	}
	if size != 0 && (size < 1e-3 || size >= 1e7) {
		s := strconv.FormatFloat(f, 'E', -1, 64)
		mantissa, exponent, _ := strings.Cut(s, "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, err := strconv.Atoi(exponent)
		if err != nil {
			return s // an infinity or not a number
		}
		return mantissa + "E" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
