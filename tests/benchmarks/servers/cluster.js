// A chat on several servers with socket.io: what a client says goes to all others, on every server.
// The order of it is that of a stream of Redis, as with threadchat's --link.

const { Server } = require("socket.io");
const { createAdapter } = require("@socket.io/redis-streams-adapter");
const { createClient } = require("redis");
const http = require("http");

async function main() {
  const client = createClient({ url: process.argv[2] });
  await client.connect();
  const server = http.createServer();
  const io = new Server(server, {
    adapter: createAdapter(client),
    transports: ["websocket"],
    perMessageDeflate: false,
  });
  io.on("connection", (socket) => {
    socket.on("say", (line) => socket.broadcast.emit("say", line));
  });
  server.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${server.address().port}`));
}

main();
