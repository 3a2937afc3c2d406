// Mochi MQTT as a broker on the loopback address: mochi PORT [WEBSOCKET_PORT [UNIX_SOCKET]], or mochi version.
package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(mqtt.Version)
		return
	}
	if err := run(os.Args[1:]); err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

// run serves until SIGTERM. Without a hook that allows them, Mochi refuses all clients.
func run(arguments []string) error {
	if len(arguments) < 1 || len(arguments) > 3 {
		return fmt.Errorf("usage: mochi PORT [WEBSOCKET_PORT [UNIX_SOCKET]]")
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	server := mqtt.New(&mqtt.Options{Logger: log})
	if err := server.AddHook(new(auth.AllowHook), nil); err != nil {
		return err
	}
	address := listeners.Config{ID: "tcp", Address: "127.0.0.1:" + arguments[0]}
	listening := []listeners.Listener{listeners.NewTCP(address)}
	if len(arguments) > 1 {
		address = listeners.Config{ID: "websocket", Address: "127.0.0.1:" + arguments[1]}
		listening = append(listening, listeners.NewWebsocket(address))
	}
	if len(arguments) > 2 {
		listening = append(listening, listeners.NewUnixSock(listeners.Config{ID: "unix", Address: arguments[2]}))
	}
	for _, listener := range listening {
		if err := server.AddListener(listener); err != nil {
			return err
		}
	}
	if err := server.Serve(); err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	<-end
	return server.Close()
}
