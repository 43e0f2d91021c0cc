package lab

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPhone_WrongPassword: the lab's digest and the user agent's, with nothing of
// the other's inside.
func TestPhone_WrongPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, Config{})
		p := s.newPhone("1001", "10.0.0.11", firstHz)
		p.account.Password = "guess"
		p.startRegister()
		if h := p.wait("failed"); h.code != 401 && h.code != 403 {
			t.Errorf("failed with %d", h.code)
		}
		if b := s.lab.Bindings("1001"); len(b) != 0 {
			t.Errorf("a wrong password made %+v", b)
		}
	})
}

func TestPhone_EachAlgorithm(t *testing.T) {
	for _, algorithm := range digestAlgorithms() {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, Config{Users: []User{{Name: "1001", Password: "lab-1001", Algorithms: []string{algorithm}}}})
			s.newPhone("1001", "10.0.0.11", firstHz).register()
			if b := s.lab.Bindings("1001"); len(b) != 1 {
				t.Errorf("%s: bindings %+v", algorithm, b)
			}
		})
	}
}

func TestPhone_IntervalTooBrief(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, Config{Registrar: RegistrarPolicy{MinExpires: 10 * time.Minute}})
		p := s.newPhone("1001", "10.0.0.11", firstHz)
		p.account.Expires = time.Minute
		p.register()
		if left := time.Until(s.lab.Bindings("1001")[0].Expires); left < 9*time.Minute {
			t.Errorf("registered for %s after 423", left)
		}
	})
}

// TestPhone_Restart: the lab falls dead and comes back with and without its
// bindings; the phone finds it again.
func TestPhone_Restart(t *testing.T) {
	story(t, Config{Registrar: RegistrarPolicy{MaxExpires: time.Minute}}, func(t *testing.T, s *scene, first, second *phone) {
		for _, keep := range []bool{true, false} {
			s.lab.Stop(keep)
			if err := s.lab.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			at := s.lab.Log().Last()
			s.await(at, Registered, "1001")
			s.await(at, Registered, "1002")
		}
	})
}
