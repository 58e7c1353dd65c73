"""The ceiling for `engine.py`: the same requests in a bare aiohttp loop, nothing stored or parsed.

    python benchmarks/bare_aiohttp.py URL CALLS AT_ONCE

prints one JSON line: seconds, and seconds of CPU.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time

import aiohttp


async def main(url: str, calls: int, at_once: int) -> None:
    """Send the calls and print how long they took."""
    numbers = itertools.count()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def worker() -> None:
            while (number := next(numbers)) < calls:
                text = f"row-{number}\n" + "word " * 20
                body = {"model": "echo", "messages": [{"role": "user", "content": text}]}
                async with session.post(f"{url}/chat/completions", json=body) as response:
                    await response.read()

        start, cpu = time.monotonic(), time.process_time()
        await asyncio.gather(*(worker() for _ in range(at_once)))
        print(json.dumps({"seconds": time.monotonic() - start, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
