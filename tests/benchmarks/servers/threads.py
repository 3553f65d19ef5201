"""The textbook: a thread for each client, a lock, and `sendall` to everybody in turn."""

import contextlib
import socketserver
import threading

clients: dict[socketserver.StreamRequestHandler, str] = {}
lock = threading.Lock()


class Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.wfile.write(b"Hello.\r\nYour name: ")
        name = self.rfile.readline().decode().strip()
        self.wfile.write(f"Welcome, {name}.\r\n".encode())
        with lock:
            clients[self] = name
        for line in self.rfile:
            message = f"{name}: {line.decode().rstrip()}\r\n".encode()
            with lock:
                for client in clients:
                    if client is not self:
                        with contextlib.suppress(OSError):
                            client.connection.sendall(message)

    def finish(self) -> None:
        with lock:
            clients.pop(self, None)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 4096


with Server(("127.0.0.1", 0), Handler) as server:
    print(f"127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
