package store

// Favourite is a target that the agent keeps at hand.
type Favourite struct {
	Target string // extension, number or URI
	Name   string
}

// PutFavourite adds a favourite, or changes its name.
func (tx *Tx) PutFavourite(f Favourite) error {
	return tx.exec("INSERT INTO favourite (target, name) VALUES (?, ?) ON CONFLICT (target) DO UPDATE SET name = excluded.name", f.Target, f.Name)
}

// DeleteFavourite removes a favourite.
func (tx *Tx) DeleteFavourite(target string) error {
	return tx.exec("DELETE FROM favourite WHERE target = ?", target)
}

// Favourites lists them by name.
func (r Reader) Favourites() (all []Favourite, err error) {
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, func(r row) (f Favourite, err error) { return f, r.Scan(&f.Target, &f.Name) },
			"SELECT target, name FROM favourite ORDER BY name, target")
		return err
	})
	return all, err
}
