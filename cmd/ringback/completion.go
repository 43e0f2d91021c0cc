package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// completionScripts has a script per shell. Each asks the program itself for
// the words that fit, so that ids of living interactions are among them.
var completionScripts = map[string]string{
	"bash": `# ringback: completion for bash. To use it: source <(ringback completion bash)
_ringback() {
	local IFS=$'\n'
	COMPREPLY=($(ringback __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _ringback ringback`,
	"zsh": `#compdef ringback
# ringback: completion for zsh. To use it: source <(ringback completion zsh)
_ringback() {
	local -a found
	found=("${(@f)$(ringback __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null | sed -e 's/:/\\:/g' -e 's/	/:/')}")
	if [[ -n "$found[1]" ]]; then
		_describe ringback found
	else
		_files
	fi
}
compdef _ringback ringback`,
	"fish": `# ringback: completion for fish. To use it: ringback completion fish | source
function __ringback_complete
	set -l words (commandline -opc) (commandline -ct)
	ringback __complete -- $words[2..-1] 2>/dev/null
end
complete -c ringback -f -a '(__ringback_complete)'`,
}

// completionCommand is `ringback completion`.
func completionCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "the completion script of a shell", ArgsUsage: "bash|zsh|fish",
		Description: `$ source <(ringback completion bash)
$ ringback hold <TAB>
i7  i8`,
		Action: func(c *cli.Context) error {
			script, known := completionScripts[c.Args().First()]
			if !known || c.Args().Len() != 1 {
				return usageError("shell %q: it is bash, zsh or fish", strings.Join(c.Args().Slice(), " ")).
					withHint("usage: ringback completion bash|zsh|fish")
			}
			if c.Bool("json") {
				sh.emit(struct {
					Schema string `json:"schema"`
					Shell  string `json:"shell"`
					Script string `json:"script"`
				}{"ringback.completion/1", c.Args().First(), script})
				return nil
			}
			fmt.Fprintln(sh.out, script)
			return nil
		},
	}
}
