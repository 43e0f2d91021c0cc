//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ringback/internal/asterisk"
)

// evidence says, when a script has failed, what each of its agents and the PBX know at that
// moment: what happens once in a hundred runs is not seen a second time by asking.
func evidence(env *testscript.Env, pbx *asterisk.PBX) {
	if t, ok := env.T().(interface{ Failed() bool }); !ok || !t.Failed() {
		return
	}
	sockets, err := filepath.Glob(filepath.Join(env.Getenv("XDG_RUNTIME_DIR"), "ringback", "*.sock"))
	if err != nil {
		env.T().Log(err)
	}
	var all strings.Builder
	for _, socket := range sockets {
		profile := strings.TrimSuffix(filepath.Base(socket), ".sock")
		for _, words := range []string{"events --since 0", "--json status", "--json status"} { // two, to see what counts on
			cmd := exec.Command(os.Getenv("RINGBACK"), append([]string{"--profile", profile, "--timeout", "1s"}, strings.Fields(words)...)...)
			cmd.Env = env.Vars
			out, err := cmd.CombinedOutput()
			fmt.Fprintf(&all, "--- %s of %s at %s (%v)\n%s", words, profile, time.Now().Format(time.StampMilli), err, out)
		}
	}
	for _, words := range []string{"core show channels verbose", "pjsip show channelstats", "bridge show all"} {
		out, err := pbx.Console(words)
		fmt.Fprintf(&all, "--- %s (%v)\n%s", words, err, out)
	}
	env.T().Log(all.String())
}
