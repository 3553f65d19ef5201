// A goroutine for each client that reads, one that writes, and a mutex around the clients.
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
	clients = map[net.Conn]chan string{}
)

// Write what comes; what has come meanwhile goes with it.
func write(connection net.Conn, lines chan string) {
	writer := bufio.NewWriterSize(connection, 64*1024)
	for line := range lines {
		writer.WriteString(line)
		if len(lines) == 0 && writer.Flush() != nil {
			connection.Close()
		}
	}
}

func broadcast(from net.Conn, line string) {
	mutex.Lock()
	defer mutex.Unlock()
	for connection, lines := range clients {
		if connection != from {
			lines <- line
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
	lines := make(chan string, 256)
	go write(connection, lines)
	mutex.Lock()
	clients[connection] = lines
	mutex.Unlock()
	for reader.Scan() {
		broadcast(connection, name+": "+strings.TrimSpace(reader.Text())+"\r\n")
	}
	mutex.Lock()
	delete(clients, connection)
	close(lines)
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
