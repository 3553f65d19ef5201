"""The package `websockets` on asyncio, with its own `broadcast`, as its documentation shows."""

import asyncio

from websockets.asyncio.server import ServerConnection, broadcast, serve

connections: set[ServerConnection] = set()


async def handle(connection: ServerConnection) -> None:
    connections.add(connection)
    try:
        async for message in connection:
            broadcast(connections - {connection}, message)
    finally:
        connections.remove(connection)


async def main() -> None:
    # It would compress short messages for each client anew; `ws` and Nchan do not, by default.
    server = await serve(handle, "127.0.0.1", 0, ping_interval=None, backlog=4096, compression=None)
    print(f"127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
