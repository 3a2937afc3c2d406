// The MQTT libraries of Eclipse Paho for Go as a shim (docs/shims.md): paho.mqtt.golang speaks 3.1.1, paho.golang 5.0.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"
)

// client is one connection of either library. Each method but publish ends when its order is answered.
type client interface {
	connect(order) reply
	subscribe(order, []filter) reply
	unsubscribe(order, []string) reply
	disconnect(order) reply
	authenticate(order) reply
	// publish begins at once, in the order of calls; the function that it returns waits for the answer.
	publish(order) func() reply
}

// mostMemory is what the process may have, in bytes. paho.golang takes a broker's word for the length of a packet, and
// gets that memory before the packet comes: up to 4 GiB for a few wrong bytes. The library may die of it, not the machine.
const mostMemory = 3 << 30

func main() {
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: mostMemory, Max: mostMemory}); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	say(ready{
		Event: "ready", Protocol: "iot-testbed-shim/1", Library: "paho.mqtt.golang + paho.golang", Version: version(),
		Editions: []string{"mqtt-3.1.1", "mqtt-5.0"},
		Features: []string{
			"authenticate", "authentication", "qos-1", "qos-2", "session", "in-flight", "will", "credentials", "properties",
			"subscription-options", "codes", "tls", "server-name", "mutual-tls", "websocket", "unix",
		},
	})
	s := shim{sessions: newSessions()}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if len(lines.Bytes()) > 0 {
			s.take(lines.Bytes())
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// version names both libraries' versions, that of 3.1.1 first.
func version() string {
	built, _ := debug.ReadBuildInfo()
	found := map[string]string{}
	for _, module := range built.Deps {
		found[module.Path] = module.Version[1:]
	}
	return found["github.com/eclipse/paho.mqtt.golang"] + "+" + found["github.com/eclipse/paho.golang"]
}

type shim struct {
	sessions *sessions
	link     *link
	client   client
}

// take begins an order. All but reset are answered by goroutines of their own, so that none waits for another.
func (s *shim) take(line []byte) {
	o, err := read(line)
	answer := func(r reply) { r.ID = o.ID; say(r) }
	if err != nil {
		answer(failed(err))
		return
	}
	switch o.Op {
	case "connect":
		s.drop()
		s.settle()
		if s.link = newLink(); o.Edition == "mqtt-3.1.1" {
			s.client = &paho311{link: s.link, sessions: s.sessions}
		} else if o.Edition == "mqtt-5.0" {
			s.client = &paho5{link: s.link, sessions: s.sessions}
		} else {
			answer(failed(fmt.Errorf("no edition is called %q", o.Edition)))
			return
		}
		client, link := s.client, s.link
		go func() { r := client.connect(o); r.ID = o.ID; link.opened(r) }()
	case "reset":
		s.drop()
		s.sessions, s.link = newSessions(), nil
		answer(reply{OK: true})
	case "subscribe", "unsubscribe", "publish", "disconnect", "authenticate":
		if s.client == nil {
			answer(failed(errors.New("not connected")))
			return
		}
		s.begin(o, answer)
	default:
		answer(failed(fmt.Errorf("no order is called %q", o.Op)))
	}
}

func (s *shim) begin(o order, answer func(reply)) {
	client := s.client
	switch o.Op {
	case "subscribe":
		var filters []filter
		if err := json.Unmarshal(o.Filters, &filters); err != nil {
			answer(failed(err))
			return
		}
		go func() { answer(client.subscribe(o, filters)) }()
	case "unsubscribe":
		var filters []string
		if err := json.Unmarshal(o.Filters, &filters); err != nil {
			answer(failed(err))
			return
		}
		go func() { answer(client.unsubscribe(o, filters)) }()
	case "publish":
		wait := client.publish(o)
		go func() { answer(wait()) }()
	case "disconnect":
		go func() { answer(client.disconnect(o)) }()
	case "authenticate":
		go func() { answer(client.authenticate(o)) }()
	}
}

// drop ends the connection, if there is one, without DISCONNECT.
func (s *shim) drop() {
	if s.link != nil {
		s.link.drop()
	}
	s.client = nil
}

// settle waits until the library has let go of the session, which the next connection is given.
func (s *shim) settle() {
	if s.link != nil {
		select {
		case <-s.link.settled:
		case <-time.After(time.Second):
		}
	}
}
