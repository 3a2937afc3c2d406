package main

import (
	"sync"

	"github.com/eclipse/paho.golang/paho/session/state"
	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// sessions are what the libraries keep between connections, by client id: each has a store of its own kind, which is
// handed to the client object of the next connection. What of it counts is the library's affair.
type sessions struct {
	lock   sync.Mutex
	stores map[string]mqtt.Store
	states map[string]*state.State
}

func newSessions() *sessions {
	return &sessions{stores: map[string]mqtt.Store{}, states: map[string]*state.State{}}
}

func (s *sessions) store(client string) mqtt.Store {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.stores[client] == nil || client == "" {
		s.stores[client] = mqtt.NewMemoryStore()
	}
	return s.stores[client]
}

func (s *sessions) state(client string) *state.State {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.states[client] == nil || client == "" {
		s.states[client] = state.NewInMemory()
	}
	return s.states[client]
}

// rename keeps the state of a client that had no id under the one that the broker gave it.
func (s *sessions) rename(to string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.states[to] = s.states[""]
}
