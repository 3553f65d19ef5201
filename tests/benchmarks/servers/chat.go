// A goroutine for each client, and a mutex around the connections it writes to.
package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
)

var (
	mutex   sync.Mutex
	clients = map[net.Conn]bool{}
)

func broadcast(from net.Conn, line string) {
	mutex.Lock()
	defer mutex.Unlock()
	for connection := range clients {
		if connection != from {
			connection.Write([]byte(line))
		}
	}
}

func serve(connection net.Conn) {
	defer connection.Close()
	fmt.Fprint(connection, "Hello.\r\nYour name: ")
	reader := bufio.NewScanner(connection)
	if !reader.Scan() {
		return
	}
	name := strings.TrimSpace(reader.Text())
	fmt.Fprintf(connection, "Welcome, %s.\r\n", name)
	mutex.Lock()
	clients[connection] = true
	mutex.Unlock()
	for reader.Scan() {
		broadcast(connection, name+": "+strings.TrimSpace(reader.Text())+"\r\n")
	}
	mutex.Lock()
	delete(clients, connection)
	mutex.Unlock()
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go serve(connection)
	}
}
