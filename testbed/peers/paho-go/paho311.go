package main

import (
	"context"
	"errors"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// paho311 is a connection of paho.mqtt.golang.
type paho311 struct {
	*link
	sessions *sessions
	client   mqtt.Client
}

// connect: the library's own reconnecting is turned off, everything else has its default.
func (p *paho311) connect(o order) reply {
	within, stop := p.within(o.timeout())
	defer stop()
	options := mqtt.NewClientOptions().AddBroker("tcp://ignored").SetProtocolVersion(4)
	options.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
		conn, err := dial(within, o)
		if err == nil && !p.dialled(conn) {
			err = errDropped
		}
		return conn, err
	})
	options.SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(o.timeout())
	options.SetClientID(o.ClientID).SetCleanSession(o.Clean).SetStore(p.sessions.store(o.ClientID))
	options.SetKeepAlive(time.Duration(o.KeepAlive) * time.Second)
	if o.Username != nil {
		options.SetUsername(*o.Username)
	}
	if o.Password != nil {
		options.SetPassword(*o.Password)
	}
	if o.Will != nil {
		options.SetBinaryWill(o.Will.Topic, o.Will.Payload, o.Will.QoS, o.Will.Retain)
	}
	options.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		p.tell(message{
			Event: "message", Topic: m.Topic(), Payload: m.Payload(), QoS: m.Qos(), Retain: m.Retained(), Dup: m.Duplicate(),
		})
	})
	options.SetConnectionLostHandler(func(_ mqtt.Client, err error) { p.lost(nil, err); close(p.settled) })

	client := mqtt.NewClient(options)
	token := client.Connect().(*mqtt.ConnectToken)
	go func() {
		if token.Wait(); token.Error() != nil {
			close(p.settled)
		}
	}()
	if _, err := await(within, token.Done()); err != nil {
		return failed(err)
	}
	if err := token.Error(); err != nil {
		if code := token.ReturnCode(); code < 0x80 { // above are numbers of the library's own
			return failed(err, code)
		}
		return failed(err)
	}
	p.lock.Lock()
	p.client = client
	p.lock.Unlock()
	present := token.SessionPresent()
	return reply{OK: true, Codes: []int{int(token.ReturnCode())}, SessionPresent: &present}
}

// up is the client, once it is connected.
func (p *paho311) up() (mqtt.Client, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.client == nil {
		return nil, mqtt.ErrNotConnected
	}
	return p.client, nil
}

func (p *paho311) subscribe(_ order, filters []filter) reply {
	client, err := p.up()
	if err != nil {
		return failed(err)
	}
	if len(filters) != 1 {
		return failed(errors.New("the library takes several filters as a map, and chooses their order itself"))
	}
	token := client.Subscribe(filters[0].Filter, filters[0].QoS, nil).(*mqtt.SubscribeToken)
	within, stop := p.within(patience)
	defer stop()
	if _, err := await(within, token.Done()); err != nil {
		return failed(err)
	}
	var codes []byte
	for _, code := range token.Result() { // by filter, without its $share/name/
		codes = append(codes, code)
	}
	return judged(codes, nil, token.Error())
}

func (p *paho311) unsubscribe(_ order, filters []string) reply {
	client, err := p.up()
	if err != nil {
		return failed(err)
	}
	within, stop := p.within(patience)
	defer stop()
	return finished(within, client.Unsubscribe(filters...))
}

func finished(within context.Context, token mqtt.Token) reply {
	if _, err := await(within, token.Done()); err != nil {
		return failed(err)
	}
	return judged(nil, nil, token.Error())
}

func (p *paho311) publish(o order) func() reply {
	client, err := p.up()
	if err != nil {
		return func() reply { return failed(err) }
	}
	within, stop := p.within(patience)
	begun := make(chan mqtt.Token, 1)
	p.sends <- func() { begun <- client.Publish(o.Topic, o.QoS, o.Retain, []byte(o.Payload)) }
	return func() reply {
		defer stop()
		token, err := await(within, begun)
		if err != nil {
			return failed(err)
		}
		return finished(within, token)
	}
}

// disconnect waits for the library's close; the time it is given is for what has not been written yet.
func (p *paho311) disconnect(order) reply {
	client, err := p.up()
	if err != nil {
		return failed(err)
	}
	if p.leave(over) != open {
		return failed(mqtt.ErrNotConnected)
	}
	client.Disconnect(1000)
	close(p.settled)
	p.end(errDisconnected)
	return reply{OK: true}
}

func (p *paho311) authenticate(order) reply { return failed(errors.New("3.1.1 has no AUTH")) }
