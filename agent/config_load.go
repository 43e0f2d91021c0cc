package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"ringback/agent/plainyaml"
)

// maxConfig is the longest configuration file that is read.
const maxConfig = 1 << 20

// LoadOptions say where a configuration comes from. Later sources win: file,
// environment, flags.
type LoadOptions struct {
	Path   string                      // YAML file; empty: none
	Text   []byte                      // what stands in it; nil: it is read from Path
	Getenv func(string) (string, bool) // nil: the process's environment
	Flags  map[string]string           // by field, such as account.aor

	// Defaults changes the defaults before anything is read; nil: they stay.
	Defaults func(*Config)

	// RecordsOnly reads what Records need: the account may be missing, and no
	// password is read.
	RecordsOnly bool
}

// LoadConfig reads a configuration over the defaults, reads the password, and
// validates the whole. Errors are *ConfigError where a field is to blame, and
// wrap fs.ErrNotExist when the file is not there.
func LoadConfig(o LoadOptions) (Config, error) {
	c, err := readConfig(o)
	if err != nil {
		return Config{}, err
	}
	if o.RecordsOnly {
		return c, c.validateRecords()
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	if err := c.findFiles(); err != nil {
		return Config{}, err
	}
	return c, nil
}

func readConfig(o LoadOptions) (Config, error) {
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	c := DefaultConfig()
	if o.Defaults != nil {
		o.Defaults(&c)
	}
	if o.Path != "" {
		text, err := o.Text, error(nil)
		if text == nil {
			text, err = readLimited(o.Path, maxConfig)
		}
		if err != nil {
			return Config{}, fmt.Errorf("read configuration: %w", err)
		}
		if err := c.decode(o.Path, text); err != nil {
			return Config{}, err
		}
	}
	// A bare null in a YAML list is no text; here it is the device of that name.
	for _, list := range [][]string{c.Audio.Headset, c.Audio.Ring, c.Audio.SecondEar} {
		for i, name := range list {
			if name == "" {
				list[i] = "null"
			}
		}
	}
	for _, f := range c.fields() {
		name := "RINGBACK_" + strings.ToUpper(strings.ReplaceAll(f.name, ".", "_"))
		if value, given := o.Getenv(name); given && value != "" {
			if err := f.set(name, value); err != nil {
				return Config{}, err
			}
		}
	}
	if err := c.applyFlags(o.Flags); err != nil {
		return Config{}, err
	}
	if o.RecordsOnly {
		return c, nil
	}
	return c, c.readSecrets(o.Getenv)
}

func (c *Config) applyFlags(flags map[string]string) error {
	left := len(flags)
	for _, f := range c.fields() {
		value, given := flags[f.name]
		if !given {
			continue
		}
		left--
		if err := f.set("flag", value); err != nil {
			return err
		}
	}
	if left > 0 {
		return fmt.Errorf("read configuration: a flag names a field that does not exist: %v", flags)
	}
	return nil
}

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return text, err
}

// decode reads YAML over what is there. An unknown key is an error with its line
// and column.
func (c *Config) decode(source string, text []byte) (err error) {
	defer func() {
		if recover() != nil { // the library's own; seen with odd tags
			err = &ConfigError{Source: source, Why: "cannot be read as YAML", Remedy: "write it like the example in the manual"}
		}
	}()
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return yamlError(source, err)
	}
	for _, doc := range file.Docs {
		if odd := plainyaml.Odd(doc); odd != nil {
			at := odd.GetToken().Position
			return &ConfigError{Source: source, Line: at.Line, Column: at.Column, Value: odd.GetToken().Value,
				Why: plainyaml.Refusal, Remedy: plainyaml.Remedy}
		}
		if err := c.checkTypes(source, doc); err != nil {
			return err
		}
	}
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).Decode(c)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	return yamlError(source, err)
}

func yamlError(source string, err error) error {
	out := &ConfigError{Source: source, Why: err.Error()}
	var located yaml.Error
	if errors.As(err, &located) {
		out.Why = located.GetMessage()
		if t := located.GetToken(); t != nil && t.Position != nil {
			out.Line, out.Column = t.Position.Line, t.Position.Column
			out.Value = t.Value
		}
	}
	if name, unknown := strings.CutPrefix(out.Why, "unknown field "); unknown {
		out.Why, out.Remedy = "unknown key", "remove it, or correct its spelling"
		out.Value = strings.Trim(name, `"`)
		out.Field = "key"
		if out.Value == "password" {
			out.Remedy = "put the password in a file and name that in password_file, or set RINGBACK_PASSWORD"
		}
	}
	return out
}

// findFiles makes the paths of certificates whole, and says which one is not
// there: what opens them later knows no field.
func (c *Config) findFiles() error {
	a := &c.Account
	for _, f := range []struct {
		name string
		path *string
	}{{"account.ca_file", &a.CAFile}, {"account.cert_file", &a.CertFile}, {"account.key_file", &a.KeyFile}} {
		if *f.path == "" {
			continue
		}
		path, err := atHome(f.name, *f.path)
		if err != nil {
			return err
		}
		if _, err := readLimited(path, maxConfig); err != nil {
			return &ConfigError{Field: f.name, Value: *f.path, Why: err.Error(), Remedy: "name a PEM file that can be read"}
		}
		*f.path = path
	}
	return nil
}

// atHome puts the home folder in the place of ~.
func atHome(name, path string) (string, error) {
	rest, home := strings.CutPrefix(path, "~/")
	if !home {
		return path, nil
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return "", &ConfigError{Field: name, Value: path, Why: err.Error(), Remedy: "write the whole path"}
	}
	return filepath.Join(dir, rest), nil
}

// field is one settable field of a Config.
type field struct {
	name  string // account.aor
	value reflect.Value
}

// fields lists all fields that file, environment and flags may set.
func (c *Config) fields() []field {
	var all []field
	root := reflect.ValueOf(c).Elem()
	for i := range root.NumField() {
		name, v := root.Type().Field(i).Tag.Get("yaml"), root.Field(i)
		switch v.Kind() {
		case reflect.Struct:
			all = append(all, fieldsOf(name, v)...)
		case reflect.Slice: // entries stand in files only
		default:
			all = append(all, field{name, v})
		}
	}
	return all
}

// fieldsOf lists the fields of one section.
func fieldsOf(section string, v reflect.Value) []field {
	var all []field
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("yaml"); key != "-" && !isEntries(v.Field(i).Type()) {
			all = append(all, field{section + "." + key, v.Field(i)})
		}
	}
	return all
}

// isEntries reports whether a field is a list of entries, which stands in files only.
func isEntries(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

// Fields names all fields that LoadOptions.Flags may hold, each also the
// environment variable RINGBACK_SECTION_KEY.
func Fields() []string {
	c := DefaultConfig()
	var names []string
	for _, f := range c.fields() {
		names = append(names, f.name)
	}
	return names
}

// set reads a text: lists are separated by commas, maps are K=V,K=V.
func (f field) set(source, text string) error {
	wrong := func(why string) error {
		return &ConfigError{Source: source, Field: f.name, Value: text, Why: why, Remedy: "write " + f.form()}
	}
	switch target := f.value.Addr().Interface().(type) {
	case *string:
		*target = text
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return wrong("is neither true nor false")
		}
		*target = b
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return wrong("is no whole number")
		}
		*target = n
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return wrong("is no duration")
		}
		*target = d
	case *[]string:
		if *target = splitList(text); f.name == "audio.headset" || f.name == "audio.ring" || f.name == "audio.second_ear" {
			*target = SplitDevices(text)
		}
	case *map[string]string:
		pairs := map[string]string{}
		for _, part := range splitList(text) {
			key, value, ok := strings.Cut(part, "=")
			if !ok {
				return wrong("has a part without =")
			}
			pairs[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
		*target = pairs
	}
	return nil
}

func (f field) form() string {
	switch f.value.Interface().(type) {
	case bool:
		return "true or false"
	case int:
		return "a number such as 3"
	case time.Duration:
		return "a duration such as 20s"
	case map[string]string:
		return "K=V,K=V"
	}
	return "a text"
}

// SplitDevices reads a preference list of devices from one text. A comma separates
// the entries, and stands inside one: file:IN.wav,OUT.wav. So what begins like no
// entry belongs to the one before it.
func SplitDevices(text string) []string {
	var entries []string
	for part := range strings.SplitSeq(text, ",") {
		kind, _, _ := strings.Cut(strings.TrimSpace(part), ":")
		begins := slices.Contains([]string{"portaudio", "tone", "file", "null"}, kind)
		if begins || len(entries) == 0 {
			entries = append(entries, strings.TrimSpace(part))
		} else {
			entries[len(entries)-1] += "," + part
		}
	}
	return entries
}

func splitList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
