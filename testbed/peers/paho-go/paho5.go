package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/session"
)

// paho5 is a connection of paho.golang's package paho; its package autopaho, which connects again, stays out of the way.
type paho5 struct {
	*link
	sessions *sessions
	client   *paho.Client
	// method and answers are of enhanced authentication.
	method  string
	answers []binary
	// answer is where the library is to tell the end of the handshake of the PUBLISH that is being sent.
	answer chan packets.ControlPacket
}

// inFlight gives the library our channel in place of its own: its call that only sends tells nobody the answer.
type inFlight struct {
	session.SessionManager
	*paho5
}

func (s inFlight) AddToSession(within context.Context, packet session.Packet, answer chan<- packets.ControlPacket) error {
	if packet.Type() == packets.PUBLISH {
		answer = s.answer
	}
	return s.SessionManager.AddToSession(within, packet, answer)
}

func (p *paho5) connect(o order) reply {
	r, client := p.attempt(o)
	if client == nil {
		close(p.settled)
		return r
	}
	go func() { <-client.Done(); close(p.settled) }()
	p.lock.Lock()
	p.client = client
	p.lock.Unlock()
	return r
}

func (p *paho5) attempt(o order) (reply, *paho.Client) {
	within, stop := p.within(o.timeout())
	defer stop()
	packet, err := p.packet(o)
	if err != nil {
		return failed(err), nil
	}
	conn, err := dial(within, o)
	if err == nil && !p.dialled(conn) {
		err = errDropped
	}
	if err != nil {
		return failed(err), nil
	}
	if _, plain := conn.(*net.TCPConn); !plain {
		conn = packets.NewThreadSafeConn(conn) // as the library asks for
	}
	state := p.sessions.state(o.ClientID)
	config := paho.ClientConfig{Conn: conn, PacketTimeout: max(o.timeout(), patience), Session: inFlight{state, p}}
	config.OnPublishReceived = []func(paho.PublishReceived) (bool, error){func(m paho.PublishReceived) (bool, error) {
		p.tell(message{
			Event: "message", Topic: m.Packet.Topic, Payload: m.Packet.Payload, QoS: m.Packet.QoS, Retain: m.Packet.Retain,
			Dup: m.Packet.Duplicate(), Properties: ofPublish(m.Packet.Properties),
		})
		return true, nil
	}}
	config.OnServerDisconnect = func(d *paho.Disconnect) { p.lost(&d.ReasonCode, errors.New(d.Properties.ReasonString)) }
	config.OnClientError = func(err error) { p.lost(nil, err) }
	if p.method != "" {
		config.AuthHandler = p
	}

	client := paho.NewClient(config)
	came, err := client.Connect(within, packet)
	if came == nil {
		return failed(why(within, err)), nil
	}
	r := judged([]byte{came.ReasonCode}, ofConnack(came.Properties), err)
	r.SessionPresent = &came.SessionPresent
	if err != nil {
		return r, nil
	}
	if id := came.Properties.AssignedClientID; id != "" {
		p.sessions.rename(id)
	}
	return r, client
}

// packet is the CONNECT.
func (p *paho5) packet(o order) (*paho.Connect, error) {
	given, err := packed(o.Properties, inConnect)
	if err != nil {
		return nil, err
	}
	packet := &paho.Connect{ClientID: o.ClientID, CleanStart: o.Clean, KeepAlive: o.KeepAlive}
	p.method, p.answers = given.AuthMethod, o.Answers
	response := given.RequestResponseInfo != nil && *given.RequestResponseInfo == 1
	given.RequestResponseInfo = nil // the library's conversion looks at another member for it
	packet.InitProperties(given)
	packet.Properties.RequestResponseInfo = response
	if o.Username != nil {
		packet.UsernameFlag, packet.Username = true, *o.Username
	}
	if o.Password != nil {
		packet.PasswordFlag, packet.Password = true, []byte(*o.Password)
	}
	if o.Will == nil {
		return packet, nil
	}
	given, err = packed(o.Will.Properties, inWill)
	packet.WillMessage = &paho.WillMessage{
		Topic: o.Will.Topic, Payload: o.Will.Payload, QoS: o.Will.QoS, Retain: o.Will.Retain,
	}
	if err == nil {
		packet.InitWillProperties(given)
	}
	return packet, err
}

// up is the client, once it is connected.
func (p *paho5) up() (*paho.Client, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.client == nil {
		return nil, errors.New("not connected")
	}
	return p.client, nil
}

func (p *paho5) subscribe(o order, filters []filter) reply {
	client, err := p.up()
	if err != nil {
		return failed(err)
	}
	given, err := packed(o.Properties, inSubscribe)
	if err != nil {
		return failed(err)
	}
	packet := &paho.Subscribe{}
	packet.InitProperties(given)
	for _, each := range filters {
		packet.Subscriptions = append(packet.Subscriptions, paho.SubscribeOptions{
			Topic: each.Filter, QoS: each.QoS, NoLocal: each.NoLocal, RetainAsPublished: each.RetainAsPublished,
			RetainHandling: each.RetainHandling,
		})
	}
	within, stop := p.within(patience)
	defer stop()
	came, err := client.Subscribe(within, packet)
	if came == nil {
		return failed(why(within, err))
	}
	return judged(came.Reasons, reason(came.Properties.ReasonString, came.Properties.User), err)
}

func (p *paho5) unsubscribe(o order, filters []string) reply {
	client, err := p.up()
	if err != nil {
		return failed(err)
	}
	given, err := packed(o.Properties, inUnsubscribe)
	if err != nil {
		return failed(err)
	}
	packet := &paho.Unsubscribe{Topics: filters, Properties: &paho.UnsubscribeProperties{}}
	for _, user := range given.User {
		packet.Properties.User.Add(user.Key, user.Value)
	}
	within, stop := p.within(patience)
	defer stop()
	came, err := client.Unsubscribe(within, packet)
	if came == nil {
		return failed(why(within, err))
	}
	return judged(came.Reasons, reason(came.Properties.ReasonString, came.Properties.User), err)
}

func (p *paho5) publish(o order) func() reply {
	client, err := p.up()
	if err != nil {
		return func() reply { return failed(err) }
	}
	given, err := packed(o.Properties, inPublish)
	if err != nil {
		return func() reply { return failed(err) }
	}
	packet := &paho.Publish{Topic: o.Topic, Payload: o.Payload, QoS: o.QoS, Retain: o.Retain}
	packet.InitProperties(given)
	within, stop := p.within(patience)
	sent, answer := make(chan error, 1), make(chan packets.ControlPacket, 1)
	p.sends <- func() {
		p.answer = answer
		_, err := client.PublishWithOptions(within, packet, paho.PublishOptions{Method: paho.PublishMethod_AsyncSend})
		sent <- err
	}
	return func() reply {
		defer stop()
		err, ended := await(within, sent)
		if err == nil {
			err = ended
		}
		if err != nil {
			return failed(err)
		}
		if o.QoS == 0 {
			return reply{OK: true}
		}
		came, err := await(within, answer)
		if err != nil {
			return failed(err)
		}
		return ofAnswer(came)
	}
}

func ofAnswer(came packets.ControlPacket) reply {
	var answer *paho.PublishResponse
	switch content := came.Content.(type) {
	case *packets.Puback:
		answer = paho.PublishResponseFromPuback(content)
	case *packets.Pubcomp:
		answer = paho.PublishResponseFromPubcomp(content)
	case *packets.Pubrec: // a refusal
		answer = paho.PublishResponseFromPubrec(content)
	case nil:
		return failed(errLost)
	default:
		return failed(fmt.Errorf("%s came as the answer to PUBLISH", came.PacketType()))
	}
	return judged([]byte{answer.ReasonCode}, reason(answer.Properties.ReasonString, answer.Properties.User), nil)
}

func (p *paho5) disconnect(o order) reply {
	client, err := p.up()
	if err != nil {
		return failed(err)
	}
	given, err := packed(o.Properties, inDisconnect)
	if err != nil {
		return failed(err)
	}
	packet := &paho.Disconnect{ReasonCode: o.Code}
	packet.InitProperties(given)
	if p.leave(over) != open {
		return failed(errors.New("not connected"))
	}
	err = client.Disconnect(packet)
	p.end(errDisconnected)
	return judged(nil, nil, err)
}

func (p *paho5) authenticate(o order) reply {
	client, err := p.up()
	if err != nil {
		return failed(err)
	}
	within, stop := p.within(patience)
	defer stop()
	p.lock.Lock()
	p.answers = o.Answers
	p.lock.Unlock()
	packet := &paho.Auth{ReasonCode: packets.AuthReauthenticate}
	packet.InitProperties(&packets.Properties{AuthMethod: p.method, AuthData: o.Data})
	came, err := client.Authenticate(within, packet)
	if came == nil {
		return failed(why(within, err))
	}
	r := judged([]byte{came.ReasonCode}, reason(came.Properties.ReasonString, came.Properties.User), nil)
	r.OK = r.OK && came.Success
	return r
}

// Authenticate answers an AUTH that asks to go on; the library knows no other answer than one more AUTH.
func (p *paho5) Authenticate(*paho.Auth) *paho.Auth {
	p.lock.Lock()
	defer p.lock.Unlock()
	answer := &paho.Auth{
		ReasonCode: packets.AuthContinueAuthentication, Properties: &paho.AuthProperties{AuthMethod: p.method},
	}
	if len(p.answers) > 0 {
		answer.Properties.AuthData, p.answers = p.answers[0], p.answers[1:]
	}
	return answer
}

// Authenticated is the library's word that the exchange is over.
func (p *paho5) Authenticated() {}
