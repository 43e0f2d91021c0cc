package plainyaml

import "github.com/goccy/go-yaml/ast"

// Refusal is why a document with an Odd node is not taken, Remedy what to do.
const (
	Refusal = "tags, anchors and aliases are not taken"
	Remedy  = "write the value itself"
)

// Odd is the first tag, anchor, alias or merge key below a node; nil: it has none.
func Odd(n ast.Node) ast.Node {
	var f finder
	ast.Walk(&f, n)
	return f.odd
}

// Entries are those of a map, which the parser makes another node of where it has one;
// false: it is no map.
func Entries(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

type finder struct{ odd ast.Node }

// Visit implements ast.Visitor.
func (f *finder) Visit(n ast.Node) ast.Visitor {
	if f.odd != nil || n == nil { // a document may have no body
		return nil
	}
	switch n.Type() {
	case ast.TagType, ast.AnchorType, ast.AliasType, ast.MergeKeyType:
		f.odd = n
		return nil
	}
	return f
}
