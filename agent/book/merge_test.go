package book

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ringback/agent/phone"
	"ringback/agent/store"
)

// TestImportAddsAndTakesNothingAway walks what a second file can say.
func TestImportAddsAndTakesNothingAway(t *testing.T) {
	before := "name,phone,mail,note\n山田 太郎,03-1234-5678,yamada@example.com,第一\n鈴木,,,\n"
	for _, c := range []struct {
		name, file string
		want       Imported
		contacts   int
	}{
		{"the same again", before, Imported{Left: 2}, 2},
		{"the same number in another notation", "name,phone\n山田　太郎,+81 (0)3 1234 5678\n", Imported{Left: 1}, 2},
		{"a number more", "name,phone,mobile\n山田太郎,0312345678,090-1111-2222\n", Imported{Changed: 1}, 2},
		{"known by the mail address", "name,mail,zone\n山田 太郎,YAMADA@example.com,Asia/Tokyo\n", Imported{Changed: 1}, 2},
		{"a label", "name,work phone\n山田 太郎,03-1234-5678\n", Imported{Changed: 1}, 2},
		{"somebody else at the same number", "name,phone\n佐藤,03-1234-5678\n", Imported{New: 1}, 3},
		{"the same name at another number", "name,phone\n山田 太郎,03-9999-8888\n", Imported{New: 1}, 3},
		{"a name without a number", "name,phone\n鈴木,06-6123-4567\n", Imported{Changed: 1}, 2},
		{"a name alone", "name,reading\n山田 太郎,ヤマダ タロウ\n", Imported{Changed: 1}, 2},
		{"twice in the file", "name,phone,mail\n佐藤,03-1,\n佐藤,03-1,s@example.com\n佐藤,03-1,\n", Imported{New: 1, Changed: 1, Left: 1}, 3},
		{"a note that is there", "name,phone,note\n山田 太郎,03-1234-5678,第一\n", Imported{Left: 1}, 2},
		{"the id of an export, and another name", "id,name,phone\nk1,山田 花子,03-1234-5678\n", Imported{Changed: 1}, 2},
		{"an id that is somebody else's here", "id,name,phone\nk1,佐藤,03-7777-7777\n", Imported{New: 1}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := open(t)
			imports(t, b, before)
			got := imports(t, b, c.file)
			if got.New != c.want.New || got.Changed != c.want.Changed || got.Left != c.want.Left {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			list := all(t, b)
			if len(list) != c.contacts {
				t.Errorf("%d contacts, want %d", len(list), c.contacts)
			}
			if k := list[0]; len(k.Points) < 2 || !strings.Contains(k.Note, "第一") {
				t.Errorf("something was taken away: %+v", k)
			}
			if again := imports(t, b, c.file); again.Left != again.Contacts {
				t.Errorf("a second time it says %+v", again)
			}
		})
	}
}

// TestImportIsWholeOrNot: a contact that cannot take what is added leaves all as it
// was, and the store's own failure too.
func TestImportIsWholeOrNot(t *testing.T) {
	b := open(t)
	imports(t, b, "name,phone,note\nA,1001,"+strings.Repeat("x", maxNote-10)+"\n")
	_, err := b.Import(t.Context(), strings.NewReader("name,phone,note\nB,1002,\nA,1001,another note that is longer\n"), "", 0)
	var refused *Error
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), `contact "A" cannot take`) {
		t.Error(err)
	}
	if n := len(all(t, b)); n != 1 {
		t.Errorf("%d contacts, want 1", n)
	}
}

// TestImportSeesAChangeInTheSameMoment: what somebody writes between plan and
// transaction is not written over.
func TestImportSeesAChangeInTheSameMoment(t *testing.T) {
	b := open(t)
	imports(t, b, "name,phone\nA,1001\n")
	f, _, err := b.read(strings.NewReader("name,phone,reading\nA,1001,えー\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.plan(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	k := all(t, b)[0]
	k.Note = "in between"
	k.Updated = k.Updated.Add(1e9)
	if err := b.store.Update(func(tx *store.Tx) error { _, err := tx.PutContact(k); return err }); err != nil {
		t.Fatal(err)
	}
	if err := b.carryOut(p); !errors.Is(err, errChanged) {
		t.Error(err)
	}
	if got := all(t, b)[0]; got.Note != "in between" || got.Reading != "" {
		t.Errorf("%+v", got)
	}
	imports(t, b, "name,phone,reading\nA,1001,えー\n")
	if got := all(t, b)[0]; got.Note != "in between" || got.Reading != "えー" {
		t.Errorf("%+v", got)
	}
}

// FuzzImport: no file harms, and what was imported is left alone when its export
// comes back.
func FuzzImport(f *testing.F) {
	f.Add(twoCards)
	f.Add(sheet)
	f.Add("name,phone\nA,1001\n")
	f.Add("BEGIN:VCARD\nVERSION:3.0\nFN:\\;\\\\x\nADR:a\\;b;c\nitem1.TEL:1\nitem1.X-ABLABEL:x\nEND:VCARD")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		b := open(t)
		told, err := b.Import(t.Context(), strings.NewReader(text), "", 0)
		if err != nil {
			if n := len(all(t, b)); n != 0 {
				t.Fatalf("%d contacts of a file that was refused: %v", n, err)
			}
			return
		}
		n := len(all(t, b))
		if told.New != n || told.New+told.Changed+told.Left != told.Contacts {
			t.Errorf("%+v, and there are %d", told, n)
		}
		for _, form := range []string{FormVCard, FormCSV} {
			var out strings.Builder
			if _, err := b.Export(t.Context(), &out, form, ""); err != nil {
				t.Fatal(err)
			}
			again, err := b.Import(t.Context(), strings.NewReader(out.String()), form, 0)
			if err != nil {
				t.Fatalf("%v in the export\n%s", err, out.String())
			}
			if again.New != 0 {
				t.Errorf("%s: %+v of\n%q\nwith\n%+v", form, again, out.String(), all(t, b))
			}
		}
	})
}

func BenchmarkImport(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("contacts=%d", n), func(b *testing.B) {
			var text strings.Builder
			text.WriteString("氏名,フリガナ,電話番号,メール,備考\n")
			for i := range n {
				fmt.Fprintf(&text, "山田 太郎%d,ヤマダ タロウ,03-%04d-%04d,y%d@example.com,備考のテキスト\n", i, 1000+i/10000, i%10000, i)
			}
			for b.Loop() {
				b.StopTimer()
				book := open(b)
				b.StartTimer()
				imports(b, book, text.String())
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "contacts/s")
		})
	}
}

// TestRenumber: contacts that were kept before the region was configured are found
// by number afterwards, and an import does not double their numbers.
func TestRenumber(t *testing.T) {
	b := open(t)
	japan := b.numbers
	b.numbers = phone.Numbers{}
	imports(t, b, "name,phone\nA,03-1234-5678\nB,+81 90 1111 2222\nC,1001\n")
	before := all(t, b)[1].Updated
	b.numbers = japan
	if _, found, _ := b.ByNumber("03-1234-5678"); found {
		t.Fatal("it is found already")
	}
	if told := imports(t, b, "name,phone\nA,+81312345678\n"); told.Left != 1 {
		t.Errorf("%+v", told)
	}
	if k := all(t, b)[0]; len(k.Points) != 1 || k.Points[0].E164 != "+81312345678" {
		t.Errorf("%+v", k)
	}
	b.numbers = phone.Numbers{}
	if n, err := b.Renumber(t.Context()); err != nil || n != 1 {
		t.Error(n, err)
	}
	b.numbers = japan
	if n, err := b.Renumber(t.Context()); err != nil || n != 1 {
		t.Error(n, err)
	}
	if c, found, err := b.ByNumber("03-1234-5678"); err != nil || !found || c.Name != "A" || len(c.Points) != 1 {
		t.Errorf("%+v %v %v", c, found, err)
	}
	if n, err := b.Renumber(t.Context()); err != nil || n != 0 {
		t.Errorf("again: %d %v", n, err)
	}
	if now := all(t, b)[1].Updated; !now.Equal(before) {
		t.Error("nobody has changed it, and its time says so")
	}
}
