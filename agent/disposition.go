package agent

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxNote is the longest note in bytes.
const maxNote = 64 << 10

func join(list []string) string { return strings.Join(list, ", ") }

func (a *Agent) actDispose(r *request) {
	codes := a.cfg.Dispositions.Codes
	if len(codes) > 0 && !slices.Contains(codes, r.args.Code) {
		r.fail(refuse(CodeInvalid, "dispose: code %q is not known", r.args.Code).hint("use one of %s", join(codes)))
		return
	}
	code := cleanText(r.args.Code)
	if refused := a.amend(r.in, "disposition", func(in *interaction) { in.disposition = code }); refused != nil {
		r.fail(refused)
		return
	}
	a.emit(Event{Type: InteractionChanged, Interaction: r.in.id, Reason: "disposition"})
	r.ok(nil)
}

func (a *Agent) actNote(r *request) {
	if len(r.args.Text) > maxNote || !utf8.ValidString(r.args.Text) {
		r.fail(refuse(CodeInvalid, "note: %d bytes are too many", len(r.args.Text)).hint("write at most %d", maxNote))
		return
	}
	if refused := a.amend(r.in, "note", func(in *interaction) { in.note = r.args.Text }); refused != nil {
		r.fail(refused)
		return
	}
	a.emit(Event{Type: InteractionChanged, Interaction: r.in.id, Reason: "note"})
	r.ok(nil)
}

func (a *Agent) actCase(r *request) {
	for key, value := range r.args.Values {
		switch {
		case strings.TrimSpace(key) == "":
			r.fail(refuse(CodeInvalid, "case: a field has no name").hint("write KEY=VALUE"))
			return
		case len(value) > maxCaseText:
			r.fail(refuse(CodeInvalid, "case: field %q has %d bytes", key, len(value)).hint("write at most %d", maxCaseText))
			return
		}
	}
	if refused := a.cfg.Information.refuseEdit(r.args.Values); refused != nil {
		r.fail(refused)
		return
	}
	full := false
	refused := a.amend(r.in, "case", func(in *interaction) { full = !in.setCases(r.args.Values) })
	if refused != nil || full {
		if full {
			refused = refuse(CodeInvalid, "case: there are %d fields already", maxCaseFields).hint("remove one by giving it an empty text")
		}
		r.fail(refused)
		return
	}
	a.emit(Event{Type: InteractionChanged, Interaction: r.in.id, Reason: "case"})
	r.ok(nil)
}
