package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strconv"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// dial opens the connection that an order asks for. Both libraries take one that is open already, and only then can it
// be closed without DISCONNECT.
func dial(within context.Context, o order) (net.Conn, error) {
	var dialer net.Dialer
	address := net.JoinHostPort(o.Host, strconv.Itoa(int(o.Port)))
	switch o.Transport {
	case "tcp":
		return dialer.DialContext(within, "tcp", address)
	case "unix":
		return dialer.DialContext(within, "unix", o.Path)
	case "tls":
		secure, err := secured(o)
		if err != nil {
			return nil, err
		}
		return (&tls.Dialer{Config: secure}).DialContext(within, "tcp", address)
	case "ws":
		return mqtt.NewWebsocket("ws://"+address+o.Path, nil, o.timeout(), nil, nil)
	case "wss":
		secure, err := secured(o)
		if err != nil {
			return nil, err
		}
		return mqtt.NewWebsocket("wss://"+address+o.Path, secure, o.timeout(), nil, nil)
	}
	return nil, fmt.Errorf("no transport is called %q", o.Transport)
}

func secured(o order) (*tls.Config, error) {
	if o.TLS == nil {
		return nil, fmt.Errorf("transport %s needs tls", o.Transport)
	}
	authority, err := os.ReadFile(o.TLS.Authority)
	if err != nil {
		return nil, err
	}
	secure := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: o.TLS.ServerName}
	if secure.ServerName == "" {
		secure.ServerName = o.Host
	}
	if !secure.RootCAs.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s holds no certificate", o.TLS.Authority)
	}
	if o.TLS.Certificate != "" {
		own, err := tls.LoadX509KeyPair(o.TLS.Certificate, o.TLS.Key)
		if err != nil {
			return nil, err
		}
		secure.Certificates = []tls.Certificate{own}
	}
	return secure, nil
}
