"""asyncio streams: a coroutine for each client, `write` to everybody."""

import asyncio

writers: set[asyncio.StreamWriter] = set()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"Hello.\r\nYour name: ")
    name = (await reader.readline()).decode().strip()
    writer.write(f"Welcome, {name}.\r\n".encode())
    writers.add(writer)
    try:
        while line := await reader.readline():
            message = f"{name}: {line.decode().rstrip()}\r\n".encode()
            for other in writers:
                if other is not writer:
                    other.write(message)
            await writer.drain()
    finally:
        writers.discard(writer)
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    print(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
