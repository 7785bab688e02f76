package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// A FieldError is what is wrong with one field of config.json.
type FieldError struct {
	Field string
	Err   error
}

func (e *FieldError) Error() string { return ConfigName + ": " + e.Field + ": " + e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

func fieldErrorf(field, format string, args ...any) error {
	return &FieldError{field, fmt.Errorf(format, args...)}
}

// pathError is a field whose file cannot be used.
func pathError(field string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return &FieldError{field, err}
}

// jsonError explains where data is not what it should be.
func jsonError(data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fieldErrorf(lineOf(data, syntax.Offset), "%s", strings.TrimPrefix(syntax.Error(), "json: "))
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		at := lineOf(data, wrong.Offset)
		if wrong.Field == "" {
			return fieldErrorf(at, "want an object, not a JSON %s", wrong.Value)
		}
		return fieldErrorf(wrong.Field, "%s: want %s, not a JSON %s", at, kindOf(wrong), wrong.Value)
	}
	return fmt.Errorf("%s: %w", ConfigName, err)
}

// lineOf returns where the byte at off stands.
func lineOf(data []byte, off int64) string {
	off = min(max(off, 0), int64(len(data)))
	return fmt.Sprintf("line %d", 1+bytes.Count(data[:off], []byte("\n")))
}

// kindOf says in words what a Go type is in JSON.
func kindOf(e *json.UnmarshalTypeError) string {
	s := e.Type.String()
	switch {
	case strings.HasPrefix(s, "uint"):
		return "a number that is not negative"
	case strings.HasPrefix(s, "int"):
		return "a whole number"
	case s == "bool":
		return "true or false"
	case s == "string" || strings.HasSuffix(s, "Type"):
		return "a string"
	case strings.HasPrefix(s, "[]"):
		return "an array"
	}
	return "an object"
}
