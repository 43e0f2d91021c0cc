package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent/store"
)

// importPatience is how long one step of an import may take when --timeout does not
// say it: a whole store is taken in one step.
const importPatience = time.Hour

// What the store commands print with --json.
type (
	storeBackup struct {
		Schema string `json:"schema"`
		Store  string `json:"store"`
		File   string `json:"file"`
		Bytes  int64  `json:"bytes"`
	}
	storeExport struct {
		Schema string `json:"schema"`
		Store  string `json:"store"`
		File   string `json:"file"`
		Rows   int    `json:"rows"`
	}
	storeImport struct {
		Schema  string         `json:"schema"`
		Store   string         `json:"store"`
		File    string         `json:"file"`
		Whole   bool           `json:"whole"` // the store was empty and equals the exported one now
		Taken   map[string]int `json:"taken"`
		Known   map[string]int `json:"known"`
		LeftOut map[string]int `json:"left_out"`
	}
	storeCheck struct {
		Schema   string   `json:"schema"`
		Store    string   `json:"store"`
		OK       bool     `json:"ok"`
		Problems []string `json:"problems"`
	}
)

// storeCommand is `ringback store`: what is done with the file of a profile, beside
// its running agent or without one.
func storeCommand(sh *shell) *cli.Command {
	force := &cli.BoolFlag{Name: "force", Usage: "replace a file that is there"}
	return &cli.Command{
		Name: "store", Usage: "back up, export, import and check what the profile's agent keeps", ArgsUsage: "backup|export|import|check",
		Description: `$ ringback store check
/home/a/.local/state/ringback/default/ringback.db: all is well`,
		Subcommands: []*cli.Command{
			{
				Name: "backup", Usage: "a copy of the whole store in one file; the agent may go on working", ArgsUsage: "FILE",
				Description: `$ ringback store backup monday.db
monday.db: 184320 bytes
To go back to it: stop the agent and copy it to the place that store check names.`,
				Flags:  []cli.Flag{force},
				Action: func(c *cli.Context) error { return backupStore(c, sh) },
			},
			{
				Name: "export", Usage: "all that is kept as JSON lines, on stdout or in a file", ArgsUsage: "[FILE]",
				Description: `$ ringback store export everything.jsonl
everything.jsonl: 412 rows`,
				Flags:  []cli.Flag{force},
				Action: func(c *cli.Context) error { return exportStore(c, sh) },
			},
			{
				Name: "import", Usage: "takes an export: an empty store becomes equal to it, a used one gets its contacts, responses, do-not-call list and favourites", ArgsUsage: "FILE",
				Description: `$ ringback store import everything.jsonl
everything.jsonl: taken 120 contact, 4 response; known already 3 contact; left out 25 call, 12 interaction
$ ssh other ringback store export | ringback store import -
-: the empty store has become equal to it: 120 contact, 25 call, 12 interaction`,
				Action: func(c *cli.Context) error { return importStore(c, sh) },
			},
			{
				Name: "check", Usage: "looks the whole file over",
				Description: `$ ringback store check
/home/a/.local/state/ringback/default/ringback.db: all is well`,
				Action: func(c *cli.Context) error { return checkStore(c, sh) },
			},
		},
		Action: func(c *cli.Context) error {
			return usageError("store: say what to do with it").withHint("usage: ringback store backup FILE, export [FILE], import FILE, or check")
		},
	}
}

// openStore opens the profile's store.
func (sh *shell) openStore(c *cli.Context, o store.Options) (*store.Store, error) {
	dir := sh.stateDir(c.String("profile"))
	if dir == "" {
		return nil, (&failure{code: exitFailed, name: "failed", message: "there is no place for a store"}).withHint("set HOME or XDG_STATE_HOME")
	}
	var err error
	if o.Log, err = sh.logger(c); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, store.FileName)
	s, err := store.Open(path, o)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, (&failure{code: exitNotFound, name: "not_found", message: fmt.Sprintf("profile %s has no store yet: %s is not there", c.String("profile"), path)}).
			withHint("its agent makes it: ringback agent; another profile: --profile NAME")
	}
	return s, err
}

// oneFile is the only word of a command; none is allowed where least is 0.
func oneFile(c *cli.Context, least int) (string, error) {
	usage := "usage: ringback store " + c.Command.Name + " " + c.Command.ArgsUsage
	switch name := c.Args().First(); {
	case c.Args().Len() > 1:
		return "", usageError("%q is one word too many", c.Args().Get(1)).withHint("%s", usage)
	case c.Args().Len() < least:
		return "", usageError("store %s: the name of a file is missing", c.Command.Name).withHint("%s", usage)
	case c.Args().Present() && name == "":
		return "", usageError("store %s: the name of the file is empty", c.Command.Name).withHint("%s", usage)
	default:
		return name, nil
	}
}

func exists(path string) *failure {
	return (&failure{code: exitFailed, name: "failed", message: path + " is there already and was left alone"}).withHint("name another file, or say --force to replace it")
}

func backupStore(c *cli.Context, sh *shell) error {
	file, err := oneFile(c, 1)
	if err != nil {
		return err
	}
	s, err := sh.openStore(c, store.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	err = s.Backup(file, c.Bool("force"))
	if errors.Is(err, fs.ErrExist) {
		err = exists(file)
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	sh.result(c, storeBackup{"ringback.store-backup/1", s.Path(), file, info.Size()}, fmt.Sprintf("%s: %d bytes", file, info.Size()))
	return nil
}

func exportStore(c *cli.Context, sh *shell) error {
	file, err := oneFile(c, 0)
	if err != nil {
		return err
	}
	if _, err := os.Stat(file); file != "" && err == nil && !c.Bool("force") {
		return exists(file)
	}
	s, err := sh.openStore(c, store.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	if file == "" {
		_, err := s.Export(until{ctx: c.Context, w: sh.out})
		return errors.Join(err, s.Close())
	}
	rows, err := exportTo(c.Context, s, file)
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	sh.result(c, storeExport{"ringback.store-export/1", s.Path(), file, rows}, fmt.Sprintf("%s: %d rows", file, rows))
	return nil
}

// exportTo writes a file that is there whole or not at all, mode 0600.
func exportTo(ctx context.Context, s *store.Store, file string) (rows int, err error) {
	err = store.Replace(file, func(f *os.File) error {
		rows, err = s.Export(until{ctx: ctx, w: f})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("export to %s: %w", file, err)
	}
	return rows, nil
}

func importStore(c *cli.Context, sh *shell) error {
	file, err := oneFile(c, 1)
	if err != nil {
		return err
	}
	from := sh.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return usageError("store import: %v", err).withHint("ringback store export makes such files")
		}
		defer f.Close()
		from = f
	}
	o := store.Options{Patience: importPatience}
	if c.IsSet("timeout") && c.Duration("timeout") > 0 {
		o.Patience = c.Duration("timeout")
	}
	s, err := sh.openStore(c, o)
	if err != nil {
		return err
	}
	done, err := s.Import(until{ctx: c.Context, r: from})
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	sh.result(c, storeImport{"ringback.store-import/1", s.Path(), file, done.Whole, some(done.Taken), some(done.Known), some(done.LeftOut)}, file+": "+takenText(done))
	return nil
}

// some makes an empty object of none.
func some(counts map[string]int) map[string]int {
	if counts == nil {
		return map[string]int{}
	}
	return counts
}

func takenText(done store.Imported) string {
	if done.Whole {
		return strings.TrimRight("the empty store has become equal to it: "+counted(done.Taken), ": ")
	}
	var parts []string
	for _, p := range []struct {
		what   string
		counts map[string]int
	}{{"taken", done.Taken}, {"known already", done.Known}, {"left out", done.LeftOut}} {
		if len(p.counts) > 0 {
			parts = append(parts, p.what+" "+counted(p.counts))
		}
	}
	if len(parts) == 0 {
		return "it has nothing in it"
	}
	return strings.Join(parts, "; ")
}

func counted(counts map[string]int) string {
	var parts []string
	for _, table := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[table], table))
	}
	return strings.Join(parts, ", ")
}

func checkStore(c *cli.Context, sh *shell) error {
	if c.Args().Present() {
		return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback store check")
	}
	s, err := sh.openStore(c, store.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	problems, err := s.Check()
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	text := "all is well"
	if len(problems) > 0 {
		text = "there is something wrong\n" + strings.Join(problems, "\n")
	}
	sh.result(c, storeCheck{"ringback.store-check/1", s.Path(), len(problems) == 0, append([]string{}, problems...)}, s.Path()+": "+text)
	if len(problems) > 0 {
		return &failure{code: exitFailed, name: "failed", message: fmt.Sprintf("%s has %d problems", s.Path(), len(problems)), told: true,
			hint: "stop the agent and put a backup in its place, or save what can be read: ringback store export"}
	}
	return nil
}

// until reads or writes as long as a context is not done.
type until struct {
	ctx context.Context
	r   io.Reader
	w   io.Writer
}

func (u until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

func (u until) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}
