package store

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// crowd makes up contacts and their interactions, the same ones each time.
type crowd struct{ r *rand.Rand }

func newCrowd() crowd { return crowd{rand.New(rand.NewPCG(1, 2))} }

func pick[T any](c crowd, list []T) T { return list[c.r.IntN(len(list))] }

// name: one of a few thousand usual ones, and one in four has rare characters.
func (c crowd) name() (name, reading string) {
	family := pick(c, [][2]string{{"佐藤", "さとう"}, {"鈴木", "すずき"}, {"高橋", "たかはし"}, {"田中", "たなか"}, {"伊藤", "いとう"}, {"渡辺", "わたなべ"}, {"山本", "やまもと"},
		{"中村", "なかむら"}, {"小林", "こばやし"}, {"加藤", "かとう"}, {"吉田", "よしだ"}, {"山田", "やまだ"}, {"佐々木", "ささき"}, {"山口", "やまぐち"}, {"松本", "まつもと"},
		{"井上", "いのうえ"}, {"木村", "きむら"}, {"林", "はやし"}, {"斎藤", "さいとう"}, {"清水", "しみず"}, {"Smith", "スミス"}, {"Müller", "ミュラー"}})
	given := pick(c, [][2]string{{"太郎", "たろう"}, {"花子", "はなこ"}, {"一郎", "いちろう"}, {"次郎", "じろう"}, {"美咲", "みさき"}, {"翔太", "しょうた"}, {"大輔", "だいすけ"},
		{"陽子", "ようこ"}, {"健一", "けんいち"}, {"直樹", "なおき"}, {"由美", "ゆみ"}, {"愛", "あい"}, {"誠", "まこと"}, {"恵子", "けいこ"}, {"Anna", "アンナ"}})
	if c.r.IntN(4) == 0 {
		family[0] = string([]rune{rune(0x4e00 + c.r.IntN(6000)), rune(0x4e00 + c.r.IntN(6000))})
	}
	return family[0] + " " + given[0], family[1] + " " + given[1]
}

func (c crowd) number() (value, e164 string) {
	n := c.r.IntN(100_000_000)
	return fmt.Sprintf("0%d0-%04d-%04d", 7+n%3, n/10_000, n%10_000), fmt.Sprintf("+81%d0%08d", 7+n%3, n)
}

func (c crowd) contact() Contact {
	k := Contact{Zone: "Asia/Tokyo", Updated: noon}
	k.Name, k.Reading = c.name()
	value, e164 := c.number()
	k.Points = []Point{{"phone", "mobile", value, e164}, {"mail", "", fmt.Sprintf("c%d@example.jp", c.r.IntN(1_000_000)), ""}}
	return k
}

func (c crowd) interaction(n int, of Contact) Interaction {
	at := noon.Add(time.Duration(n)*30*time.Second - 365*24*time.Hour)
	i := Interaction{ID: fmt.Sprintf("i%d", n), Kind: pick(c, []string{"call", "voicecallback", "voicecallback", "webcallback"}), Channel: "voice",
		Callback: fmt.Sprintf("cb-%d", n), Name: of.Name, Number: of.Points[0].Value, E164: of.Points[0].E164,
		Body: json.RawMessage(`{"type":"scheduled","reason":"請求書について"}`), Case: json.RawMessage(`{"order":"A-1","plan":"gold"}`),
		Disposition: "sold", Result: "answered", Outcome: "done", Attempts: 1, Created: at, Closed: at.Add(5 * time.Minute)}
	if n%3 == 0 {
		i.Note = pick(c, []string{"請求書の件、来週もう一度電話する", "asked for the new price list", "不在、家族が応答", "解約を検討中"}) + fmt.Sprint(n)
	}
	return i
}

// bigStore builds a store of the size that the figures are promised for.
func bigStore(tb testing.TB, path string, contacts, rows int) *Store {
	tb.Helper()
	s, err := Open(path, Options{Patience: time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	c, people := newCrowd(), make([]Contact, contacts)
	for first := 0; first < contacts; first += 5000 {
		update(tb, s, func(tx *Tx) error {
			for n := first; n < min(first+5000, contacts); n++ {
				people[n] = c.contact()
				if _, err := tx.PutContact(people[n]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for first := 0; first < rows; first += 5000 {
		update(tb, s, func(tx *Tx) error {
			for n := first; n < min(first+5000, rows); n++ {
				i := c.interaction(n+1, pick(c, people))
				if err := tx.PutInteraction(i); err != nil {
					return err
				}
				k := HistoryCall{ID: fmt.Sprintf("c%d", n+1), Interaction: i.ID, Role: "main", Remote: "sip:" + i.E164 + "@pbx", Started: i.Created, Connected: i.Created, Ended: i.Closed}
				if err := tx.PutCall(k); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for more := true; more; { // as the writer would have done between the updates
		update(tb, s, func(tx *Tx) (err error) { more, err = merge(tb.Context(), tx.c, 5000); return err })
	}
	return s
}

var bigFile = flag.String("store", "", "file of the big store: built where there is none, used as it is otherwise, and left there")

// openBig opens the big store, and says how many interactions it has.
func openBig(b *testing.B, path string) (s *Store, rows int) {
	const contacts, interactions = 100_000, 1_000_000
	b.Helper()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		s = bigStore(b, path, contacts, interactions)
	} else if s, err = Open(path, Options{Patience: time.Minute}); err != nil {
		b.Fatal(err)
	}
	err := s.Reader.do(func(c *conn) (err error) {
		rows, _, err = one(c, value[int], "SELECT count(*) FROM interaction")
		return err
	})
	if err != nil || rows < interactions {
		b.Fatalf("%s has %d interactions: %v", path, rows, err)
	}
	return s, rows
}

// The promise: with 100,000 contacts and 1,000,000 interactions a search takes less
// than 50 ms, the start less than 300 ms, a commit less than 10 ms. The store is
// built first, which takes about two minutes:
//
//	go test -run xxx -bench Big -benchtime 50x ./agent/store [-store FILE]
func BenchmarkBig(b *testing.B) {
	path := cmp.Or(*bigFile, filepath.Join(b.TempDir(), FileName))
	s, rows := openBig(b, path)
	b.Run("contacts", func(b *testing.B) { benchContacts(b, s) })
	b.Run("history", func(b *testing.B) { benchHistory(b, s) })
	b.Run("commit", func(b *testing.B) { benchCommit(b, s, rows) })
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		measure(b, func() int {
			s, err := Open(path, Options{})
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			return 1
		})
	})
}

// measure reports the processor's time of a search too: on a machine that others use
// it says more than the clock.
func measure(b *testing.B, search func() int) {
	found, n, before := 0, 0, processorTime(b)
	for b.Loop() {
		found = search()
		n++
	}
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/1000/float64(n), "cpu-ms/op")
	b.ReportMetric(float64(found), "found")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func benchContacts(b *testing.B, s *Store) {
	for _, text := range []string{"田", "郎", "高", "高橋", "斎藤 真", "山田", "山田 太郎", "田太郎", "ヤマ", "smith", "s", "c12345", "1", "0901", "090-1234", "一郎 花", "無い名前"} {
		b.Run("text="+text, func(b *testing.B) {
			measure(b, func() int { return len(must[[]Contact](b)(s.SearchContacts(text, "", 50))) })
		})
	}
}

func benchHistory(b *testing.B, s *Store) {
	old := noon.Add(-360 * 24 * time.Hour)
	for name, f := range map[string]HistoryFilter{
		"text=田": {Text: "田"}, "text=高橋": {Text: "高橋"}, "text=山田": {Text: "山田"}, "text=請求書": {Text: "請求書"}, "text=山田 太郎": {Text: "山田 太郎"}, "text=無い名前": {Text: "無い名前"},
		"text=12": {Text: "12"}, "text=0901": {Text: "0901"}, "text=090-1234": {Text: "090-1234"}, "text=999999": {Text: "999999"},
		"text=解約 price": {Text: "解約 price"}, "text=郎 花": {Text: "郎 花"}, // both are many, together they are none
		"text=田,time=old": {Text: "田", Until: old}, "text=田,kind=rare": {Text: "田", Kind: "none"}, "text=田,e164": {Text: "田", E164: "+819012345678"},
		"all": {}, "time=old": {Until: old}, "kind": {Kind: "webcallback"}, "kind=rare": {Kind: "none"}, "e164": {E164: "+819012345678"},
	} {
		f.Limit = 50
		b.Run(name, func(b *testing.B) {
			measure(b, func() int { return len(must[[]Interaction](b)(s.History(f))) })
		})
	}
}

// benchCommit does what an offer does, at the pace of a busy agent: an interaction,
// its callback, an attempt and a report in one update. What an fsync of a few bytes
// takes on the same disk at the same time stands beside it.
func benchCommit(b *testing.B, s *Store, rows int) {
	probe, err := os.Create(filepath.Join(filepath.Dir(s.Path()), "probe"))
	if err != nil {
		b.Fatal(err)
	}
	defer probe.Close()
	pace := time.NewTicker(60 * time.Millisecond)
	defer pace.Stop()
	var commits, fsyncs []time.Duration
	before := processorTime(b)
	c := newCrowd()
	for b.Loop() {
		rows++
		i := c.interaction(rows, c.contact())
		<-pace.C
		began := time.Now()
		update(b, s, func(tx *Tx) error {
			return errors.Join(tx.PutInteraction(i), tx.PutCallback(Callback{Key: i.Callback, State: CallbackOpen, Name: i.Name, Number: i.Number, E164: i.E164}),
				tx.PutAttempt(Attempt{Interaction: i.ID, N: 1}), tx.PutReport(Report{ID: i.ID, Callback: i.Callback, Body: i.Body}))
		})
		commits = append(commits, time.Since(began))
		began = time.Now()
		if _, err := probe.Write(make([]byte, 4096)); err != nil {
			b.Fatal(err)
		}
		if err := probe.Sync(); err != nil {
			b.Fatal(err)
		}
		fsyncs = append(fsyncs, time.Since(began))
	}
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/1000/float64(len(commits)), "cpu-ms/op")
	for name, took := range map[string][]time.Duration{"": commits, "fsync-": fsyncs} {
		slices.Sort(took)
		slow, _ := slices.BinarySearch(took, 10*time.Millisecond)
		b.ReportMetric(float64(len(took)-slow), name+"over-10ms")
		for part, of := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99, "worst-ms": 1} {
			b.ReportMetric(float64(took[int(float64(len(took)-1)*of)].Microseconds())/1000, name+part)
		}
	}
}
