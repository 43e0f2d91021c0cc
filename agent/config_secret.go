package agent

import "strings"

// readSecrets takes passwords from the environment or from files.
func (c *Config) readSecrets(getenv func(string) (string, bool)) error {
	for _, p := range []struct {
		env, field, file string
		into             *Secret
	}{{"RINGBACK_PASSWORD", "account.password_file", c.Account.PasswordFile, &c.Account.Password},
		{"RINGBACK_TURN_PASSWORD", "media.turn_password_file", c.Media.TURNPasswordFile, &c.Media.TURNPassword}} {
		if secret, given := getenv(p.env); given && secret != "" {
			*p.into = Secret(secret)
			continue
		}
		secret, err := readPassword(p.field, p.file, p.env)
		if err != nil {
			return err
		}
		if secret != "" {
			*p.into = secret
		}
	}
	return nil
}

// readPassword takes the first line of a password's file; without one it is empty.
func readPassword(field, file, env string) (Secret, error) {
	if file == "" {
		return "", nil
	}
	path, err := atHome(field, file)
	if err != nil {
		return "", err
	}
	text, err := readLimited(path, 4096)
	if err != nil {
		return "", &ConfigError{Field: field, Value: path, Why: err.Error(), Remedy: "put the password in it, or set " + env}
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimRight(line, "\r"); line == "" {
		return "", &ConfigError{Field: field, Value: path, Why: "its first line is empty", Remedy: "put the password there"}
	}
	return Secret(line), nil
}
