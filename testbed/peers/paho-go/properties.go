package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

// property is how one is put into the library's own structure, and taken out of it: nil when it is absent.
type property struct {
	put  func(*packets.Properties, json.RawMessage) error
	take func(*packets.Properties) any
}

func number[T byte | uint16 | uint32 | int](at func(*packets.Properties) **T) property {
	return property{
		func(p *packets.Properties, raw json.RawMessage) error { return json.Unmarshal(raw, at(p)) },
		func(p *packets.Properties) any {
			if *at(p) == nil {
				return nil
			}
			return **at(p)
		},
	}
}

func text(at func(*packets.Properties) *string) property {
	return property{
		func(p *packets.Properties, raw json.RawMessage) error { return json.Unmarshal(raw, at(p)) },
		func(p *packets.Properties) any {
			if *at(p) == "" {
				return nil
			}
			return *at(p)
		},
	}
}

func data(at func(*packets.Properties) *[]byte) property {
	return property{
		func(p *packets.Properties, raw json.RawMessage) error { return json.Unmarshal(raw, (*binary)(at(p))) },
		func(p *packets.Properties) any {
			if *at(p) == nil {
				return nil
			}
			return binary(*at(p))
		},
	}
}

var properties = map[string]property{
	"payload_format_indicator":          number(func(p *packets.Properties) **byte { return &p.PayloadFormat }),
	"message_expiry_interval":           number(func(p *packets.Properties) **uint32 { return &p.MessageExpiry }),
	"content_type":                      text(func(p *packets.Properties) *string { return &p.ContentType }),
	"response_topic":                    text(func(p *packets.Properties) *string { return &p.ResponseTopic }),
	"correlation_data":                  data(func(p *packets.Properties) *[]byte { return &p.CorrelationData }),
	"subscription_identifier":           number(func(p *packets.Properties) **int { return &p.SubscriptionIdentifier }),
	"session_expiry_interval":           number(func(p *packets.Properties) **uint32 { return &p.SessionExpiryInterval }),
	"assigned_client_identifier":        text(func(p *packets.Properties) *string { return &p.AssignedClientID }),
	"server_keep_alive":                 number(func(p *packets.Properties) **uint16 { return &p.ServerKeepAlive }),
	"authentication_method":             text(func(p *packets.Properties) *string { return &p.AuthMethod }),
	"authentication_data":               data(func(p *packets.Properties) *[]byte { return &p.AuthData }),
	"request_problem_information":       number(func(p *packets.Properties) **byte { return &p.RequestProblemInfo }),
	"will_delay_interval":               number(func(p *packets.Properties) **uint32 { return &p.WillDelayInterval }),
	"request_response_information":      number(func(p *packets.Properties) **byte { return &p.RequestResponseInfo }),
	"response_information":              text(func(p *packets.Properties) *string { return &p.ResponseInfo }),
	"server_reference":                  text(func(p *packets.Properties) *string { return &p.ServerReference }),
	"reason_string":                     text(func(p *packets.Properties) *string { return &p.ReasonString }),
	"receive_maximum":                   number(func(p *packets.Properties) **uint16 { return &p.ReceiveMaximum }),
	"topic_alias_maximum":               number(func(p *packets.Properties) **uint16 { return &p.TopicAliasMaximum }),
	"topic_alias":                       number(func(p *packets.Properties) **uint16 { return &p.TopicAlias }),
	"maximum_qos":                       number(func(p *packets.Properties) **byte { return &p.MaximumQOS }),
	"retain_available":                  number(func(p *packets.Properties) **byte { return &p.RetainAvailable }),
	"maximum_packet_size":               number(func(p *packets.Properties) **uint32 { return &p.MaximumPacketSize }),
	"wildcard_subscription_available":   number(func(p *packets.Properties) **byte { return &p.WildcardSubAvailable }),
	"subscription_identifier_available": number(func(p *packets.Properties) **byte { return &p.SubIDAvailable }),
	"shared_subscription_available":     number(func(p *packets.Properties) **byte { return &p.SharedSubAvailable }),
	"user_property":                     {putUser, takeUser},
}

func putUser(p *packets.Properties, raw json.RawMessage) error {
	var pairs [][2]string
	if err := json.Unmarshal(raw, &pairs); err != nil {
		return err
	}
	for _, pair := range pairs {
		p.User = append(p.User, packets.User{Key: pair[0], Value: pair[1]})
	}
	return nil
}

func takeUser(p *packets.Properties) any {
	if len(p.User) == 0 {
		return nil
	}
	var pairs [][2]string
	for _, user := range p.User {
		pairs = append(pairs, [2]string{user.Key, user.Value})
	}
	return pairs
}

// What the library takes from its structures.
var (
	inConnect = []string{
		"session_expiry_interval", "receive_maximum", "maximum_packet_size", "topic_alias_maximum", "user_property",
		"request_response_information", "request_problem_information", "authentication_method", "authentication_data",
	}
	// It has room for the other properties of a will, too, and forgets them when it writes CONNECT.
	inWill    = []string{"will_delay_interval", "user_property"}
	inPublish = []string{
		"payload_format_indicator", "message_expiry_interval", "topic_alias", "response_topic", "correlation_data",
		"subscription_identifier", "content_type", "user_property",
	}
	inSubscribe   = []string{"subscription_identifier", "user_property"}
	inUnsubscribe = []string{"user_property"}
	inDisconnect  = []string{"session_expiry_interval", "reason_string", "server_reference", "user_property"}
)

// packed are the properties of an order in the library's structure.
func packed(given map[string]json.RawMessage, room []string) (*packets.Properties, error) {
	all := &packets.Properties{}
	for name, raw := range given {
		if !slices.Contains(room, name) {
			return nil, fmt.Errorf("the library takes no %s here", name)
		}
		if err := properties[name].put(all, raw); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, nil
}

// told are those of a packet that came.
func told(p *packets.Properties) map[string]any {
	all := map[string]any{}
	for name, property := range properties {
		if value := property.take(p); value != nil {
			all[name] = value
		}
	}
	return all
}

// reason are the properties that every acknowledgement may have.
func reason(text string, user paho.UserProperties) map[string]any {
	return told(&packets.Properties{ReasonString: text, User: user.ToPacketProperties()})
}

// ofConnack: the library tells what is available as true or false, so that 1 cannot be told from absent.
func ofConnack(p *paho.ConnackProperties) map[string]any {
	all := told(&packets.Properties{
		SessionExpiryInterval: p.SessionExpiryInterval, AuthData: p.AuthData, AuthMethod: p.AuthMethod,
		ResponseInfo: p.ResponseInfo, ServerReference: p.ServerReference, ReasonString: p.ReasonString,
		AssignedClientID: p.AssignedClientID, MaximumPacketSize: p.MaximumPacketSize, ReceiveMaximum: p.ReceiveMaximum,
		TopicAliasMaximum: p.TopicAliasMaximum, ServerKeepAlive: p.ServerKeepAlive, MaximumQOS: p.MaximumQoS,
		User: p.User.ToPacketProperties(),
	})
	for name, available := range map[string]bool{
		"wildcard_subscription_available": p.WildcardSubAvailable, "subscription_identifier_available": p.SubIDAvailable,
		"shared_subscription_available": p.SharedSubAvailable, "retain_available": p.RetainAvailable,
	} {
		if !available {
			all[name] = 0
		}
	}
	return all
}

// ofPublish are the properties of a message that came.
func ofPublish(p *paho.PublishProperties) map[string]any {
	return told(&packets.Properties{
		PayloadFormat: p.PayloadFormat, MessageExpiry: p.MessageExpiry, ContentType: p.ContentType,
		ResponseTopic: p.ResponseTopic, CorrelationData: p.CorrelationData, TopicAlias: p.TopicAlias,
		SubscriptionIdentifier: p.SubscriptionIdentifier, User: p.User.ToPacketProperties(),
	})
}
