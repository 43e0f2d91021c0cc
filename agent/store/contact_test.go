package store

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// book puts contacts and returns a search that names who was found.
func book(t *testing.T, s *Store, contacts ...Contact) func(text, digits string, limit int) string {
	t.Helper()
	for _, k := range contacts {
		update(t, s, func(tx *Tx) error { _, err := tx.PutContact(k); return err })
	}
	return func(text, digits string, limit int) string {
		t.Helper()
		var names []string
		for _, k := range must[[]Contact](t)(s.SearchContacts(text, digits, limit)) {
			names = append(names, k.Name)
		}
		return strings.Join(names, ", ")
	}
}

func phone(value, e164 string) []Point { return []Point{{Kind: "phone", Value: value, E164: e164}} }

func TestSearchContacts(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		search := book(t, s,
			Contact{Name: "小山田 誠", Reading: "おやまだ まこと", Points: phone("0312345678", "+81312345678")},
			Contact{Name: "山田 太郎", Reading: "ヤマダ タロウ", Points: phone("+81 90-1111-2222", "+819011112222")},
			Contact{Name: "José Ángel O'Brien", Points: []Point{{Kind: "mail", Value: "obrien@example.com"}, {Kind: "sip", Value: "sip:2001@pbx"}}},
			Contact{Name: "ｽﾐｽ商会", Note: "支払いは月末"})
		for _, row := range []struct{ text, digits, want string }{
			{"山", "", "山田 太郎, 小山田 誠"}, // those that begin with it first
			{"田", "", "小山田 誠, 山田 太郎"},
			{"郎", "", "山田 太郎"},
			{"山田", "", "山田 太郎, 小山田 誠"},
			{"山田太", "", "山田 太郎"},
			{"山田　太郎", "", "山田 太郎"},
			{"やまだ", "", "山田 太郎, 小山田 誠"},
			{"ﾔﾏﾀﾞ", "", "山田 太郎, 小山田 誠"},
			{"スミス", "", "ｽﾐｽ商会"},
			{"月末", "", "ｽﾐｽ商会"},
			{"jose", "", "José Ángel O'Brien"},
			{"JOSÉ angel", "", "José Ángel O'Brien"},
			{"o’brien", "", "José Ángel O'Brien"},
			{"obrien@exam", "", "José Ángel O'Brien"},
			{"2001", "", "José Ángel O'Brien"},
			{"3-1234", "", "小山田 誠"},
			{"(090) 1111", "", "山田 太郎"},
			{"+81 3 1234", "", "小山田 誠"},
			{"", "1111", "山田 太郎"},
			{"小", "+81-90", "小山田 誠, 山田 太郎"},
			{"誠 1234", "", "小山田 誠"},
			{"誠 1111", "", ""},
			{"x", "", "José Ángel O'Brien"},
			{"xy", "", ""},
			{"", "", ""},
			{"・", "", ""},
		} {
			if got := search(row.text, row.digits, 0); got != row.want {
				t.Errorf("%q %q: %s, want %s", row.text, row.digits, got, row.want)
			}
		}
		if got := search("田", "", 1); got != "小山田 誠" {
			t.Errorf("limit: %s", got)
		}
	})
}

// What is no longer said of a contact does not find it.
func TestSearchContacts_FollowsChanges(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		search := book(t, s, Contact{Name: "山田", Note: "古い", Points: phone("1234", "")})
		update(t, s, func(tx *Tx) error { _, err := tx.PutContact(Contact{ID: 1, Name: "鈴木"}); return err })
		if got := search("山田", "", 0) + search("古い", "", 0) + search("1234", "", 0); got != "" {
			t.Errorf("found as before: %s", got)
		}
		if got := search("鈴木", "", 0); got != "鈴木" {
			t.Errorf("%q", got)
		}
		update(t, s, func(tx *Tx) error { return tx.DeleteContact(1) })
		if got := search("鈴木", "", 0); got != "" {
			t.Errorf("found after it was deleted: %s", got)
		}
		update(t, s, func(tx *Tx) error { // its number is not used again
			id, err := tx.PutContact(Contact{Name: "新"})
			if id != 2 {
				t.Errorf("id %d", id)
			}
			return err
		})
	})
}

func TestResponses(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		greeting := Response{Category: "1 opening", Title: "挨拶", Text: "{name}様、お電話ありがとうございます", Language: "ja"}
		closing := Response{Category: "2 closing", Title: "Goodbye", Text: "Thank you for your time", Language: "en"}
		update(t, s, func(tx *Tx) (err error) {
			closing.ID, err = tx.PutResponse(closing)
			if err == nil {
				greeting.ID, err = tx.PutResponse(greeting)
			}
			return err
		})
		for _, row := range []struct {
			category, text string
			want           []Response
		}{
			{"", "", []Response{greeting, closing}},
			{"2 closing", "", []Response{closing}},
			{"", "アリガトウ", []Response{greeting}},
			{"", "THANK time", []Response{closing}},
			{"1 opening", "thank", nil},
		} {
			if got := must[[]Response](t)(s.Responses(row.category, row.text)); !reflect.DeepEqual(got, row.want) {
				t.Errorf("%q %q: %+v", row.category, row.text, got)
			}
		}
		closing.Title = "Bye"
		update(t, s, func(tx *Tx) error {
			_, err := tx.PutResponse(closing)
			return errors.Join(err, tx.DeleteResponse(greeting.ID))
		})
		if got := must[[]Response](t)(s.Responses("", "")); !reflect.DeepEqual(got, []Response{closing}) {
			t.Errorf("%+v", got)
		}
	})
}

func TestFavourites(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		update(t, s, func(tx *Tx) error {
			return errors.Join(tx.PutFavourite(Favourite{"2001", "Support"}), tx.PutFavourite(Favourite{"2002", "Anna"}),
				tx.PutFavourite(Favourite{"2001", "Aid"}), tx.PutFavourite(Favourite{"2003", "x"}), tx.DeleteFavourite("2003"))
		})
		if got := must[[]Favourite](t)(s.Favourites()); !reflect.DeepEqual(got, []Favourite{{"2001", "Aid"}, {"2002", "Anna"}}) {
			t.Errorf("%+v", got)
		}
	})
}

func TestContacts_Pages(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		book(t, s, Contact{Name: "a", Points: phone("1", "")}, Contact{Name: "b"}, Contact{Name: "c", Points: append(phone("3", "+813"), phone("4", "")...)},
			Contact{Name: "d", Points: phone("5", "")})
		update(t, s, func(tx *Tx) error { return tx.DeleteContact(1) })
		page := must[[]Contact](t)(s.Contacts(0, 2))
		if len(page) != 2 || page[0].Name != "b" || len(page[0].Points) != 0 || page[1].Name != "c" || len(page[1].Points) != 2 || page[1].Points[0].E164 != "+813" {
			t.Errorf("%+v", page)
		}
		if rest := must[[]Contact](t)(s.Contacts(page[1].ID, 0)); len(rest) != 1 || rest[0].Name != "d" || rest[0].Points[0].Value != "5" {
			t.Errorf("%+v", rest)
		}
		if none := must[[]Contact](t)(s.Contacts(99, 0)); len(none) != 0 {
			t.Errorf("%+v", none)
		}
	})
}

// Who hears a name does not know with which of its characters it is written.
func TestSearch_NamesThatAreWrittenInSeveralWays(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		search := book(t, s, Contact{Name: "髙橋 はな"}, Contact{Name: "渡邉 健一"}, Contact{Name: "山﨑 斎"}, Contact{Name: "高田 龍"})
		for text, want := range map[string]string{
			"高橋": "髙橋 はな", "髙橋": "髙橋 はな", "高": "高田 龍, 髙橋 はな", "髙": "髙橋 はな, 高田 龍", "高橋は": "髙橋 はな", "渡辺": "渡邉 健一", "渡邊健": "渡邉 健一", "辺 健": "渡邉 健一",
			"山崎": "山﨑 斎", "齋": "山﨑 斎", "崎齊": "山﨑 斎", "竜": "高田 龍", "高山": "", "高龍": "",
		} {
			got, sorted := strings.Split(search(text, "", 0), ", "), strings.Split(want, ", ")
			slices.Sort(got)
			slices.Sort(sorted)
			if !slices.Equal(got, sorted) {
				t.Errorf("%s: %s, want %s", text, got, want)
			}
		}
		update(t, s, func(tx *Tx) error {
			return errors.Join(tx.PutInteraction(Interaction{ID: "i1", Name: "髙橋 はな", Note: "濱松"}), tx.PutCallback(Callback{Key: "cb-1", State: CallbackDone, Name: "渡邉", Reason: "廣告"}))
		})
		for _, text := range []string{"高橋", "浜松", "高橋 浜"} {
			if all := must[[]Interaction](t)(s.History(HistoryFilter{Text: text})); len(all) != 1 {
				t.Errorf("history of %s: %v", text, all)
			}
		}
		for _, text := range []string{"渡辺", "広告"} {
			if all := must[[]Callback](t)(s.Callbacks(CallbackFilter{Text: text})); len(all) != 1 {
				t.Errorf("callbacks of %s: %v", text, all)
			}
		}
		if !Matches("髙橋 はな", "はな 高") || Matches("髙橋", "高山") {
			t.Error("texts are compared otherwise")
		}
	})
}

// However many there may be, the question stays short.
func TestVariants(t *testing.T) {
	if got := variants("髙橋"); !slices.Equal(got, []string{"髙橋", "高橋"}) {
		t.Errorf("%q", got)
	}
	if got := variants(strings.Repeat("斎", 40)); len(got) > maxVariants || got[0] != strings.Repeat("斎", 40) {
		t.Errorf("%d, %q first", len(got), got[0])
	}
}
