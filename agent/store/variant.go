package store

import (
	"strings"
	"sync"
)

// kin are characters that stand for each other in Japanese names: who hears Takahashi
// or Watanabe does not know which one the contact writes with. The index keeps what
// was written, and a search asks for all of a kin.
const kin = "高髙 崎﨑嵜 辺邊邉 斎斉齋齊 沢澤 浜濱濵 島嶋嶌 広廣 国國 桜櫻 滝瀧 竜龍 吉𠮷 徳德 恵惠 栄榮 関關 柳栁 富冨 万萬 与與 横橫 " +
	"真眞 静靜 瀬瀨 条條 渋澁澀 穂穗 郎郞 亀龜 児兒 弥彌 桧檜 籔藪 曽曾 増增 黒黑 緑綠 塩鹽 館舘 峰峯 船舩 杉椙 坂阪 薗園 槙槇 遥遙 尭堯 凜凛"

// maxVariants bounds how many ways of writing one word are asked for.
const maxVariants = 16

// variants are the ways in which a folded word may be written, as it is first.
func variants(folded string) []string {
	all := []string{""}
	for _, r := range folded {
		same := kinOf(r)
		if len(all)*len(same) > maxVariants {
			same = []rune{r}
		}
		next := make([]string, 0, len(all)*len(same))
		for _, other := range same {
			for _, begun := range all {
				next = append(next, begun+string(other))
			}
		}
		all = next
	}
	return all
}

// kinOf is a character and those that stand for it.
func kinOf(r rune) []rune {
	same := []rune{r}
	for _, other := range kinGroups()[r] {
		if other != r {
			same = append(same, other)
		}
	}
	return same
}

// kinGroups has the group of each character that is in one. Lists ask for it with each
// character of a query in each row.
var kinGroups = sync.OnceValue(func() map[rune]string {
	groups := map[rune]string{}
	for group := range strings.FieldsSeq(kin) {
		for _, r := range group {
			groups[r] = group
		}
	}
	return groups
})
