package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// order is any order; members that it lacks have their defaults.
type order struct {
	ID         int                        `json:"id"`
	Op         string                     `json:"op"`
	Host       string                     `json:"host"`
	Port       uint16                     `json:"port"`
	Edition    string                     `json:"edition"`
	ClientID   string                     `json:"client_id"`
	Clean      bool                       `json:"clean"`
	KeepAlive  uint16                     `json:"keep_alive"`
	Username   *string                    `json:"username"`
	Password   *string                    `json:"password"`
	Will       *will                      `json:"will"`
	Transport  string                     `json:"transport"`
	Path       string                     `json:"path"`
	TLS        *security                  `json:"tls"`
	Timeout    float64                    `json:"timeout"`
	Topic      string                     `json:"topic"`
	Payload    binary                     `json:"payload"`
	QoS        byte                       `json:"qos"`
	Retain     bool                       `json:"retain"`
	Code       byte                       `json:"code"`
	Data       binary                     `json:"data"`
	Answers    []binary                   `json:"answers"`
	Properties map[string]json.RawMessage `json:"properties"`
	Filters    json.RawMessage            `json:"filters"`
}

type will struct {
	Topic      string                     `json:"topic"`
	Payload    binary                     `json:"payload"`
	QoS        byte                       `json:"qos"`
	Retain     bool                       `json:"retain"`
	Properties map[string]json.RawMessage `json:"properties"`
}

// security holds paths of PEM files, and the name that the server's certificate must have.
type security struct {
	Authority   string `json:"authority"`
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	ServerName  string `json:"server_name"`
}

// filter is one of a subscribe; unsubscribe has plain texts.
type filter struct {
	Filter            string `json:"filter"`
	QoS               byte   `json:"qos"`
	NoLocal           bool   `json:"no_local"`
	RetainAsPublished bool   `json:"retain_as_published"`
	RetainHandling    byte   `json:"retain_handling"`
}

// read makes an order of a line. What it could read is returned with the error, so that the reply finds its id.
func read(line []byte) (order, error) {
	o := order{Clean: true, KeepAlive: 60, Transport: "tcp", Timeout: 10}
	err := json.Unmarshal(line, &o)
	if err != nil {
		return o, err
	}
	var said map[string]json.RawMessage
	if err := json.Unmarshal(line, &said); err != nil {
		return o, err
	}
	for _, name := range owed[o.Op] {
		if said[name] == nil {
			return o, fmt.Errorf("%s lacks %s", o.Op, name)
		}
	}
	if o.Timeout <= 0 {
		return o, fmt.Errorf("timeout %g is no time", o.Timeout)
	}
	return o, nil
}

// owed are the members that an order cannot do without.
var owed = map[string][]string{
	"connect": {"host", "port", "edition"}, "subscribe": {"filters"}, "unsubscribe": {"filters"}, "publish": {"topic"},
}

func (o order) timeout() time.Duration { return time.Duration(o.Timeout * float64(time.Second)) }

// binary is hexadecimal on the line.
type binary []byte

func (b *binary) UnmarshalJSON(line []byte) error {
	var text string
	if err := json.Unmarshal(line, &text); err != nil {
		return err
	}
	raw, err := hex.DecodeString(text)
	*b = raw
	return err
}

func (b binary) MarshalJSON() ([]byte, error) { return json.Marshal(hex.EncodeToString(b)) }

// reply answers the order with the same id.
type reply struct {
	ID             int            `json:"id"`
	OK             bool           `json:"ok"`
	Codes          []int          `json:"codes,omitempty"`
	SessionPresent *bool          `json:"session_present,omitempty"`
	Properties     map[string]any `json:"properties,omitempty"`
	Error          string         `json:"error,omitempty"`
}

// failed is the reply of an order that came to nothing, with the codes that came all the same.
func failed(err error, codes ...byte) reply { return reply{Error: err.Error(), Codes: numbers(codes)} }

// judged is the reply of an answer with these codes: not ok if one is a refusal, or if the library calls it an error.
func judged(codes []byte, properties map[string]any, err error) reply {
	r := reply{OK: err == nil, Codes: numbers(codes), Properties: properties}
	if err != nil {
		r.Error = err.Error()
	}
	for _, code := range codes {
		if code >= 0x80 {
			r.OK = false
		}
	}
	return r
}

func numbers(codes []byte) []int {
	var all []int
	for _, code := range codes {
		all = append(all, int(code))
	}
	return all
}

type ready struct {
	Event    string   `json:"event"`
	Protocol string   `json:"protocol"`
	Library  string   `json:"library"`
	Version  string   `json:"version"`
	Editions []string `json:"editions"`
	Features []string `json:"features"`
}

type message struct {
	Event      string         `json:"event"`
	Topic      string         `json:"topic"`
	Payload    binary         `json:"payload"`
	QoS        byte           `json:"qos"`
	Retain     bool           `json:"retain"`
	Dup        bool           `json:"dup"`
	Properties map[string]any `json:"properties,omitempty"`
}

type lost struct {
	Event string `json:"event"`
	Code  *byte  `json:"code,omitempty"`
	Error string `json:"error,omitempty"`
}

var output sync.Mutex

// say writes one whole line, whichever goroutines speak meanwhile.
func say(what any) {
	line, err := json.Marshal(what)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(append(line, '\n'))
}
