package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

// page is made of text and of parts between marks, which this test writes if
// UPDATE_DOCS is set: make docs.
const page = "../../docs/compatibility.md"

// TestCompatibilityPage: the page says what the tables say.
func TestCompatibilityPage(t *testing.T) {
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(have)
	for name, write := range map[string]func(io.Writer){"calls": syscallsMarkdown, "verbs": verbsMarkdown} {
		begin, end := "<!-- "+name+": make docs -->\n", "<!-- end of "+name+" -->"
		before, rest, ok1 := strings.Cut(want, begin)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok1 || !ok2 {
			t.Fatalf("%s has no marks for %s", page, name)
		}
		var part bytes.Buffer
		write(&part)
		want = before + begin + part.String() + end + after
	}
	if want == string(have) {
		return
	}
	if os.Getenv("UPDATE_DOCS") == "" {
		t.Fatalf("%s does not say what the tables say: make docs", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSyscallsMarkdown: every call that has a row is on the page once.
func TestSyscallsMarkdown(t *testing.T) {
	var b bytes.Buffer
	syscallsMarkdown(&b)
	words := map[string]int{}
	for w := range strings.FieldsFuncSeq(b.String(), func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789_", r) }) {
		words[w]++
	}
	for _, name := range []string{"rt_sigprocmask", "clone3", "io_uring_setup", "tuxcall", "epoll_pwait2"} {
		if words[name] != 1 {
			t.Errorf("%s is on the page %d times", name, words[name])
		}
	}
}
