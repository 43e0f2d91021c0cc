package book

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"ringback/agent/store"
)

// maxCells is how many cells a line may have.
const maxCells = 1000

// The fields that a column may hold, beside the kinds of points.
const (
	fieldID            = "id"
	fieldName          = "name"
	fieldFamily        = "family"
	fieldGiven         = "given"
	fieldReading       = "reading"
	fieldFamilyReading = "family reading"
	fieldGivenReading  = "given reading"
	fieldZone          = "zone"
	fieldNote          = "note"
	fieldFirm          = "firm" // company, department, title: kept in the note
	fieldPostal        = "postal"
)

// columnNames are the names of columns as spreadsheets and address books write them,
// in English and Japanese, without blanks and signs and in small letters. A label
// goes with those that say which number it is.
var columnNames = []struct{ field, label, names string }{
	{fieldID, "", "id"},
	{fieldName, "", "name fullname displayname customer customername 氏名 名前 お名前 姓名 氏名漢字 表示名 顧客名 お客様名 担当者名"},
	{fieldFamily, "", "lastname familyname surname 姓 苗字 姓漢字"},
	{fieldGiven, "", "firstname givenname forename 名 名漢字"},
	{fieldReading, "", "reading kana furigana phonetic phoneticname namekana フリガナ ふりがな カナ かな よみ 読み よみがな 読み仮名 氏名カナ 氏名かな 氏名フリガナ 名前カナ カナ氏名"},
	{fieldFamilyReading, "", "phoneticlastname lastnamephonetic lastnameyomi セイ せい 姓カナ 姓かな 姓フリガナ 姓ふりがな 姓読み"},
	{fieldGivenReading, "", "phoneticfirstname firstnamephonetic firstnameyomi メイ めい 名カナ 名かな 名フリガナ 名ふりがな 名読み"},
	{PointPhone, "", "phone telephone tel number phonenumber telephonenumber telno 電話 電話番号 tel番号 連絡先 連絡先電話番号 ご連絡先"},
	{PointPhone, "mobile", "mobile mobilephone cell cellphone mobilenumber 携帯 携帯電話 携帯番号 携帯電話番号 携帯tel"},
	{PointPhone, "work", "work workphone office officephone businessphone 会社電話 勤務先電話 勤務先電話番号 会社tel 代表電話 代表番号 会社電話番号"},
	{PointPhone, "home", "home homephone 自宅 自宅電話 自宅電話番号 自宅tel"},
	{PointPhone, "fax", "fax faxnumber ファックス ファクス fax番号"},
	{PointMail, "", "mail email emailaddress mailaddress メール メールアドレス eメール eメールアドレス 電子メール"},
	{PointSIP, "", "sip sipaddress sipuri sipアドレス"},
	{PointAddress, "", "address street 住所 所在地 ご住所"},
	{fieldPostal, "", "postal postalcode zip zipcode postcode 郵便番号 〒"},
	{fieldZone, "", "zone timezone tz タイムゾーン 時間帯"},
	{fieldNote, "", "note notes memo remark remarks comment comments メモ 備考 摘要 コメント"},
	{fieldFirm, "", "company organization organisation firm 会社 会社名 勤務先 法人名 企業名 department 部署 部署名 所属 title jobtitle 役職"},
}

// column is what a header cell says: a field or a kind of point.
type column struct {
	title, field, label string
}

// readColumn reads a header cell: a known name, maybe with a number behind it, or
// KIND:LABEL as an export writes it. ok is false for what is passed over.
func readColumn(title string) (column, bool) {
	c := column{title: clean(readCell(title), false)}
	kind, label, labelled := strings.Cut(strings.Replace(c.title, "：", ":", 1), ":")
	name := plainName(kind)
	for _, known := range columnNames {
		for word := range strings.FieldsSeq(known.names) {
			if name != word && strings.TrimRight(name, "0123456789") != word {
				continue
			}
			c.field, c.label = known.field, known.label
			if labelled {
				c.label = strings.TrimSpace(label)
			}
			return c, true
		}
	}
	return c, false
}

// plainName drops blanks and signs, and folds case and width.
func plainName(title string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-.()[]/・　*#", r) {
			return -1
		}
		return r
	}, strings.ToLower(norm.NFKC.String(title)))
}

// readSheet reads a CSV file: a header row, then a contact in each row.
func (b *Book) readSheet(f *file, text string) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = delimiter(text), -1, true
	for n, line := range numbered(text) {
		if strings.Count(line, string(r.Comma)) >= maxCells {
			f.faults.add(n, "", fmt.Sprintf("the line has more than %d cells", maxCells))
			return
		}
	}
	header, err := r.Read()
	if err != nil {
		b.sheetFault(f, err)
		return
	}
	columns := make([]column, len(header))
	named := false
	for i, title := range header {
		c, known := readColumn(title)
		if columns[i] = c; !known && c.title != "" {
			f.passed[c.title] = true
		}
		named = named || c.field == fieldName || c.field == fieldFamily || c.field == fieldGiven || c.field == fieldFirm
	}
	if !named {
		f.faults.add(1, "", "the first row has no column for the name: it holds the names of the columns, such as name,phone or 氏名,電話番号")
		return
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			b.sheetFault(f, err)
			return
		}
		b.readRow(f, columns, cells, func(i int) int { line, _ := r.FieldPos(i); return line })
	}
}

func numbered(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.SplitSeq(text, "\n") {
			if n++; !yield(n, line) {
				return
			}
		}
	}
}

func (b *Book) sheetFault(f *file, err error) {
	var syntax *csv.ParseError
	switch {
	case errors.Is(err, io.EOF): // nothing in it, which is told
	case errors.As(err, &syntax):
		f.faults.add(syntax.Line, "", syntax.Err.Error()+": a cell with quotes, commas or line breaks stands in quotes, and each quote in it twice")
	default:
		f.faults.add(1, "", err.Error())
	}
}

// delimiter is what stands between the cells of the header row.
func delimiter(text string) rune {
	header, _, _ := strings.Cut(text, "\n")
	best, most := ',', strings.Count(header, ",")
	for _, d := range "\t;" {
		if n := strings.Count(header, string(d)); n > most {
			best, most = d, n
		}
	}
	return best
}

// shortened is how spreadsheets show a number that they took for a quantity.
var shortened = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?[eE]\+[0-9]+$`)

// readRow reads the cells of one contact.
func (b *Book) readRow(f *file, columns []column, cells []string, line func(int) int) {
	e := entry{line: line(0)}
	values := map[string]string{}
	var firm []string
	empty := true
	for i, cell := range cells {
		value := strings.TrimSpace(readCell(cell))
		if value == "" {
			continue
		}
		empty = false
		if i >= len(columns) {
			f.faults.add(line(i), "", fmt.Sprintf("%.40q stands in a column without a name", value))
			continue
		}
		switch c := columns[i]; {
		case c.field == fieldFirm:
			firm = append(firm, value)
		case slices.Contains(pointKinds, c.field):
			b.readPoint(f, &e, c, value, line(i))
		case values[c.field] == "":
			values[c.field] = value
		}
	}
	if empty {
		return
	}
	e.finish(values, firm)
	f.entries = append(f.entries, e)
}

func (b *Book) readPoint(f *file, e *entry, c column, value string, line int) {
	if c.field == PointPhone && shortened.MatchString(value) {
		f.faults.add(line, c.title, fmt.Sprintf("%q was a number before a spreadsheet shortened it: make the column text, and put the numbers in again", value))
		return
	}
	p, err := b.checkPoint(c.field, c.label, value)
	if err != nil {
		_, why, _ := strings.Cut(err.Error(), ": ")
		f.faults.add(line, c.title, why)
		return
	}
	e.addPoint(p)
}

// finish puts together what stands in several columns.
func (e *entry) finish(values map[string]string, firm []string) {
	e.id = ContactID(values[fieldID]).number()
	e.Zone, e.Name, e.Reading = values[fieldZone], values[fieldName], values[fieldReading]
	if e.Name == "" {
		e.Name = personName(values[fieldFamily], values[fieldGiven])
	}
	if e.Name == "" && len(firm) > 0 {
		e.Name = firm[0]
	}
	if e.Reading == "" {
		e.Reading = personName(values[fieldFamilyReading], values[fieldGivenReading])
	}
	e.Note = strings.TrimSpace(strings.Join(append(firm, values[fieldNote]), "\n"))
	if code := values[fieldPostal]; code != "" {
		for i := range e.Points {
			if p := &e.Points[i]; p.Kind == PointAddress {
				p.Value = strings.TrimSpace("〒"+strings.TrimPrefix(code, "〒")) + " " + p.Value
				return
			}
		}
		e.addPoint(store.Point{Kind: PointAddress, Value: "〒" + strings.TrimPrefix(code, "〒")})
	}
}

// formulaSigns begin a formula in a spreadsheet. An apostrophe before them makes
// text of it, and is taken away again when the file comes back.
const formulaSigns = "=+-@\t\r'"

func readCell(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.ContainsRune(formulaSigns, rune(cell[1])) {
		return cell[1:]
	}
	return cell
}

func writeCell(value string) string {
	if value != "" && strings.ContainsRune(formulaSigns, rune(value[0])) {
		return "'" + value
	}
	return value
}

// writeSheet writes contacts as a CSV file that Japanese spreadsheets open: UTF-8
// with a byte order mark, CR LF, and a column for each kind of number and label.
func (b *Book) writeSheet(w io.Writer, contacts []store.Contact) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return fmt.Errorf("write contacts: %w", err)
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	columns := pointColumns(contacts)
	header := []string{fieldID, fieldName, fieldReading, fieldZone, fieldNote}
	for _, c := range columns {
		header = append(header, c.title)
	}
	if err := out.Write(header); err != nil {
		return fmt.Errorf("write contacts: %w", err)
	}
	for _, k := range contacts {
		row := []string{string(contactID(k.ID)), k.Name, k.Reading, k.Zone, k.Note}
		left := slices.Clone(k.Points)
		for _, c := range columns {
			at := slices.IndexFunc(left, func(p store.Point) bool { return p.Kind == c.field && p.Label == c.label })
			if at < 0 {
				row = append(row, "")
				continue
			}
			row = append(row, b.pointCell(left[at]))
			left = slices.Delete(left, at, at+1)
		}
		for i := range row {
			row[i] = writeCell(row[i])
		}
		if err := out.Write(row); err != nil {
			return fmt.Errorf("write contacts: %w", err)
		}
	}
	out.Flush()
	return out.Error()
}

// pointCell writes a number without the plus that makes spreadsheets count with it,
// where people of the region do.
func (b *Book) pointCell(p store.Point) string {
	if shown := b.numbers.Show(p.E164); p.E164 != "" && !strings.HasPrefix(shown, "+") && b.numbers.E164(p.Value) == p.E164 && strings.HasPrefix(p.Value, "+") {
		return shown
	}
	return p.Value
}

// pointColumns are as many columns for each kind and label as one contact needs.
func pointColumns(contacts []store.Contact) []column {
	type key struct{ kind, label string }
	most, order := map[key]int{}, []key{}
	for _, k := range contacts {
		n := map[key]int{}
		for _, p := range k.Points {
			at := key{p.Kind, p.Label}
			if n[at]++; n[at] > most[at] {
				if most[at] == 0 {
					order = append(order, at)
				}
				most[at] = n[at]
			}
		}
	}
	slices.SortStableFunc(order, func(a, b key) int {
		return slices.Index(pointKinds, a.kind) - slices.Index(pointKinds, b.kind)
	})
	var columns []column
	for _, at := range order {
		title := at.kind
		if at.label != "" {
			title += ":" + at.label
		}
		for range most[at] {
			columns = append(columns, column{title, at.kind, at.label})
		}
	}
	return columns
}
