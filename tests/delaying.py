"""A way to a server on this machine that takes longer: what a client sends arrives so many milliseconds later."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    while data := await reader.read(1 << 16):
        loop.call_later(seconds, writer.write, data)
    loop.call_later(seconds, writer.close)


async def _serve(to: int, seconds: float) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(_pass_on(reader, there_writer, seconds), _pass_on(there_reader, writer, 0))

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


@contextmanager
def delayed(port: int, milliseconds: float) -> Iterator[int]:
    """Give the port at which the server of another one answers with a delay, in a process of its own."""
    command = [sys.executable, "-m", "tests.delaying", str(port), str(milliseconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
