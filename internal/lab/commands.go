package lab

import (
	"fmt"

	"ringback/sip"
)

// HangUp lets a party end its calls: an extension or contact hangs up, an agent's
// leg is ended by the PBX.
func (l *Lab) HangUp(party string) error {
	return l.do("hang up", func(b *boot) error {
		found := false
		for _, c := range append([]*call(nil), b.calls...) {
			for _, e := range []end{c.caller, c.callee} {
				if e.party() != party || c.over {
					continue
				}
				found = true
				e.hangUp(sip.Cause{Kind: sip.CauseCompleted})
				c.leaves(e, sip.Cause{Kind: sip.CauseCompleted})
			}
		}
		if !found {
			return fmt.Errorf("%s is in no call", party)
		}
		return nil
	})
}

// Press lets a party of the lab send digits (0-9 * # A-D, pauses with a comma) to
// whom it talks to.
func (l *Lab) Press(party, digits string) error {
	return l.withLine("press digits", party, func(c *call, n *line) error {
		c.digit(n, digits)
		return nil
	})
}

// Inform lets a party send digits to an agent by SIP INFO, in place of RFC 4733.
func (l *Lab) Inform(party, digits string) error {
	return l.withLine("send digits by INFO", party, func(c *call, n *line) error {
		g, ok := c.other(n).(*leg)
		if !ok {
			return fmt.Errorf("%s does not talk to an agent", party)
		}
		return g.inform(digits)
	})
}

// Say changes what a party says.
func (l *Lab) Say(party string, s Sound) error {
	return l.withLine("say", party, func(c *call, n *line) error {
		n.ext.Say = s
		n.voice.say(s)
		n.boot.reroute()
		return nil
	})
}

// Answer lets a party that rings answer, whatever its Behaviour says.
func (l *Lab) Answer(party string) error {
	return l.withEnd("answer", party, func(e end) error {
		n, ok := e.(*line)
		if !ok || n.up {
			return fmt.Errorf("%s does not ring", party)
		}
		n.answer()
		return nil
	})
}

// Refuse lets a party that rings refuse with a code.
func (l *Lab) Refuse(party string, code int) error {
	return l.withEnd("refuse", party, func(e end) error {
		n, ok := e.(*line)
		if !ok || n.up {
			return fmt.Errorf("%s does not ring", party)
		}
		n.leave(sip.Cause{Kind: sip.CauseRejected, Code: code})
		return nil
	})
}

// Hold lets a party put the agent that it talks to on hold: the lab sends him a
// re-INVITE of that form and, where the form allows, music.
func (l *Lab) Hold(party string, form HoldForm) error {
	return l.withLine("hold", party, func(c *call, n *line) error {
		return c.reoffer(n, form)
	})
}

// Unhold takes the agent back from hold.
func (l *Lab) Unhold(party string) error {
	return l.withLine("take back from hold", party, func(c *call, n *line) error {
		return c.reoffer(n, "")
	})
}

// Reinvite sends the agent that a party talks to a re-INVITE without a session
// description.
func (l *Lab) Reinvite(party string) error {
	return l.withLine("re-INVITE without offer", party, func(c *call, n *line) error {
		g, ok := c.other(n).(*leg)
		if !ok {
			return fmt.Errorf("%s does not talk to an agent", party)
		}
		return g.session.Reinvite(nil)
	})
}

// reoffer sends the agent opposite of n a new offer; an empty form resumes.
func (c *call) reoffer(n *line, form HoldForm) error {
	g, ok := c.other(n).(*leg)
	if !ok {
		return fmt.Errorf("%s does not talk to an agent", n.party())
	}
	if err := g.reoffer(form); err != nil {
		return err
	}
	c.holds(n, form != "")
	return nil
}

// withLine runs fn with the connected call of a party that the lab plays.
func (l *Lab) withLine(what, party string, fn func(c *call, n *line) error) error {
	return l.do(what, func(b *boot) error {
		for _, c := range b.calls {
			for _, e := range []end{c.caller, c.callee} {
				if n, ok := e.(*line); ok && n.party() == party && c.up {
					return fn(c, n)
				}
			}
		}
		return fmt.Errorf("%s talks to nobody", party)
	})
}

// withEnd runs fn with an end that rings: in a call or for a transfer.
func (l *Lab) withEnd(what, party string, fn func(e end) error) error {
	return l.do(what, func(b *boot) error {
		for _, c := range b.calls {
			if t := c.transfer; t != nil && t.target != nil && t.target.party() == party {
				return fn(t.target)
			}
			if c.callee.party() == party && !c.up {
				return fn(c.callee)
			}
		}
		return fmt.Errorf("%s does not ring", party)
	})
}
