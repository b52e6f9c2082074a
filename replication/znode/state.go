package znode

import "strings"

// parseState reads exactly what EncodeState writes, without reflection: a
// controller reads one state for each partition of the cluster when it takes
// office. For any other text ok is false, and the general decoder decides.
func parseState(data []byte) (s State, ok bool) {
	text := string(data)
	var isr string
	for _, field := range []struct {
		before string
		into   *int32
	}{
		{`{"controller_epoch":`, &s.ControllerEpoch},
		{`,"leader":`, &s.Leader},
		{`,"version":1,"leader_epoch":`, &s.LeaderEpoch},
	} {
		text, ok = strings.CutPrefix(text, field.before)
		if !ok {
			return State{}, false
		}
		if *field.into, text, ok = cutInt(text); !ok {
			return State{}, false
		}
	}
	if text, ok = strings.CutPrefix(text, `,"isr":[`); !ok {
		return State{}, false
	}
	if isr, text, ok = strings.Cut(text, "]"); !ok || text != "}" {
		return State{}, false
	}
	for i := 0; isr != ""; i++ {
		if i > 0 {
			if isr, ok = strings.CutPrefix(isr, ","); !ok {
				return State{}, false
			}
		}
		var id int32
		if id, isr, ok = cutInt(isr); !ok {
			return State{}, false
		}
		s.ISR = append(s.ISR, id)
	}
	return s, true
}

// cutInt reads a decimal number of at most nine digits.
func cutInt(text string) (n int32, rest string, ok bool) {
	i := 0
	negative := strings.HasPrefix(text, "-")
	if negative {
		i = 1
	}
	start := i
	for i < len(text) && '0' <= text[i] && text[i] <= '9' && i-start < 9 {
		n = n*10 + int32(text[i]-'0')
		i++
	}
	if i == start || (text[start] == '0' && i-start > 1) {
		return 0, "", false
	}
	if i < len(text) && '0' <= text[i] && text[i] <= '9' {
		return 0, "", false
	}
	if negative {
		n = -n
	}
	return n, text[i:], true
}
