// The chat of many an article on Node: the `net` module, an array of sockets, a write to each.
const net = require('net');

const sockets = [];

const server = net.createServer({ noDelay: true }, (socket) => {
  let name = '';
  let rest = '';
  socket.setEncoding('utf8');
  socket.write('Hello.\r\nYour name: ');

  socket.on('data', (data) => {
    const lines = (rest + data).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (!name) {
        name = line.trim();
        socket.write(`Welcome, ${name}.\r\n`);
        sockets.push(socket);
      } else {
        for (const other of sockets) {
          if (other !== socket) other.write(`${name}: ${line.trim()}\r\n`);
        }
      }
    }
  });

  socket.on('close', () => {
    const place = sockets.indexOf(socket);
    if (place >= 0) sockets.splice(place, 1);
  });
  socket.on('error', () => {});
});

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(`127.0.0.1:${server.address().port}`);
});
