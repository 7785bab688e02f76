package boot

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// A LogFormat is how lines of the log look: text or json.
type LogFormat string

// Values of LogFormat.
const (
	TextLog LogFormat = "text"
	JSONLog LogFormat = "json"
)

// Line returns a line of the log, whose message is one line whatever it quotes.
func (f LogFormat) Line(level, msg string) []byte {
	// Not local time: a sealed Sentry has no /etc/localtime to read.
	now := time.Now().UTC().Format(time.RFC3339)
	if f != JSONLog {
		return fmt.Appendf(nil, "time=%q level=%s msg=%q\n", now, level, msg)
	}
	// The fields that go-runc reads. Strings do not fail.
	b, _ := json.Marshal(struct {
		Msg   string `json:"msg"`
		Level string `json:"level"`
		Time  string `json:"time"`
	}{msg, level, now})
	return append(b, '\n')
}

// warnings is what the Sentry has to say, as lines of w.
func (f LogFormat) warnings(w io.Writer) func(string, ...any) {
	return func(format string, args ...any) {
		// An operator's log that is full or gone is no reason to stop.
		_, _ = w.Write(f.Line("warning", fmt.Sprintf(format, args...)))
	}
}
