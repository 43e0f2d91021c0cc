package store

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed migrations/*.sql
var migrations embed.FS

// steps are the scripts of all schemas, the first one's first. A step that has
// landed is never changed: a new one is added. The search indexes hold nothing of
// their own, so that a step may drop and make them: they are filled afterwards.
func steps() ([]string, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	scripts := make([]string, len(names))
	for i, name := range names {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		scripts[i] = string(text)
	}
	return scripts, nil
}

// migrate brings a file's schema up to date in one transaction, so that a crash
// leaves the old one or the new one.
func migrate(c *conn, path string) error {
	scripts, err := steps()
	if err != nil {
		return err
	}
	have, err := version(c)
	if err != nil {
		return err
	}
	if have == len(scripts) {
		return nil
	}
	return c.within("BEGIN IMMEDIATE", func(c *conn) error {
		have, err := version(c) // another process may have been faster
		if err != nil {
			return err
		}
		if have > len(scripts) {
			return &NewerSchemaError{File: path, Version: have, Ours: len(scripts)}
		}
		if err := upgrade(c, have, scripts); err != nil {
			return fmt.Errorf("bring the schema from %d to %d: %w", have, len(scripts), err)
		}
		return nil
	})
}

func upgrade(c *conn, have int, scripts []string) error {
	refill := false
	for _, script := range scripts[have:] {
		if err := c.script(script); err != nil {
			return err
		}
		refill = refill || have > 0 && strings.Contains(script, "VIRTUAL TABLE")
	}
	if refill {
		if err := fillSearch(&Tx{c: c}); err != nil {
			return err
		}
	}
	return c.script("PRAGMA user_version = " + strconv.Itoa(len(scripts)))
}

func version(c *conn) (int, error) {
	v, _, err := one(c, value[int], "PRAGMA user_version")
	return v, err
}

// Schema is the number of the schema that this version writes.
func Schema() int {
	scripts, err := steps()
	if err != nil {
		panic(err) // they are part of the program
	}
	return len(scripts)
}

// emptyImage is an empty store as the bytes of a file, made once: a store in memory
// begins with a copy, which takes a fifth of the time that the scripts take, and a
// tenth under the race detector. Its pages are small: each table and index has one of its
// own at least, and a load test has a thousand stores.
var emptyImage = sync.OnceValues(func() ([]byte, error) { return makeImage("") })

// unsearchedImage is one without the search indexes.
var unsearchedImage = sync.OnceValues(func() ([]byte, error) {
	var drop strings.Builder
	for _, t := range searched {
		drop.WriteString("DROP TABLE " + t + "_search; ")
	}
	return makeImage(drop.String() + "VACUUM")
})

// makeImage makes an empty store, to which a script is done.
func makeImage(script string) ([]byte, error) {
	c, err := connect(source("", false, time.Second))
	if err != nil {
		return nil, err
	}
	var image []byte
	if _, err = c.exec("PRAGMA page_size = 512"); err == nil {
		err = migrate(c, "")
	}
	if err == nil && script != "" {
		err = c.script(script)
	}
	if err == nil {
		err = c.c.Raw(func(driver any) (err error) {
			image, err = driver.(interface{ Serialize() ([]byte, error) }).Serialize()
			return err
		})
	}
	return image, errors.Join(err, c.close())
}

// fill makes an empty store of a connection to memory.
func fill(c *conn, unsearched bool) error {
	empty := emptyImage
	if c.unsearched = unsearched; unsearched {
		empty = unsearchedImage
	}
	image, err := empty()
	if err != nil {
		return err
	}
	return c.c.Raw(func(driver any) error {
		return driver.(interface{ Deserialize([]byte) error }).Deserialize(image)
	})
}
