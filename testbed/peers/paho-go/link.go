package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// patience is how long an order waits for its answer.
const patience = 5 * time.Second

var (
	errDropped      = errors.New("the connection was dropped by a later order")
	errDisconnected = errors.New("the connection was ended by an order")
	errLost         = errors.New("the connection was lost")
	errNoAnswer     = errors.New("no answer in time")
)

// link is the life of one connection, the same for both libraries. Its context ends with the connection, so that
// whatever waits for an answer stops then.
type link struct {
	context.Context
	end context.CancelCauseFunc
	// sends are what to publish, in the order in which it was said.
	sends chan func()

	// settled is closed when the library has let go of the connection, and so of the session.
	settled chan struct{}

	lock  sync.Mutex
	stage stage
	early *lost
	conn  net.Conn
}

type stage int

const (
	opening stage = iota
	open
	over   // it ended, or we ended it with DISCONNECT
	silent // dropped: nothing of it is told any more
)

func newLink() *link {
	context, end := context.WithCancelCause(context.Background())
	l := &link{Context: context, end: end, sends: make(chan func(), 1<<16), settled: make(chan struct{})}
	go func() {
		for {
			select {
			case send := <-l.sends:
				send()
			case <-l.Done():
				return
			}
		}
	}()
	return l
}

// dialled keeps the connection; false when it was dropped meanwhile, and is closed then.
func (l *link) dialled(conn net.Conn) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.stage == silent {
		conn.Close()
		return false
	}
	l.conn = conn
	return true
}

// opened tells the reply to connect, and after it a loss that came before.
func (l *link) opened(r reply) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.stage == silent && r.OK {
		r = reply{ID: r.ID, Error: errDropped.Error()}
	}
	say(r)
	if !r.OK {
		return
	}
	if l.stage = open; l.early != nil {
		l.stage = over
		say(l.early)
	}
}

// tell says a message, unless the connection was dropped.
func (l *link) tell(m message) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.stage != silent {
		say(m)
	}
}

// lost says once that the connection ended, unless we ended it.
func (l *link) lost(code *byte, err error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	what := &lost{Event: "lost", Code: code}
	if err != nil {
		what.Error = err.Error()
	}
	switch l.stage {
	case opening:
		if l.early == nil {
			l.early = what
		}
	case open:
		l.stage = over
		say(what)
	}
	l.end(errLost)
}

// leave says that what ends now is ended by us. It returns what the connection was before.
func (l *link) leave(to stage) stage {
	l.lock.Lock()
	defer l.lock.Unlock()
	before := l.stage
	if before != silent {
		l.stage = to
	}
	return before
}

// drop closes the connection without DISCONNECT; from now on nothing of it is told.
func (l *link) drop() {
	l.leave(silent)
	l.end(errDropped)
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.conn != nil {
		l.conn.Close()
	}
}

// within is the time that something may take while the connection lasts.
func (l *link) within(limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(l, limit, errNoAnswer)
}

// await waits for an answer. One that came just before the end counts.
func await[T any](within context.Context, came <-chan T) (T, error) {
	select {
	case answer := <-came:
		return answer, nil
	case <-within.Done():
	}
	select {
	case answer := <-came:
		return answer, nil
	default:
		var none T
		return none, context.Cause(within)
	}
}

// why prefers the reason for which we gave up to the library's error, which says only that we did.
func why(within context.Context, err error) error {
	if within.Err() != nil {
		return context.Cause(within)
	}
	return err
}
