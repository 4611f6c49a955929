"""The yardstick: what one would write in 30 lines. Verify, map, call the CRM, then answer 200; nothing is kept.

`/hooks/hop` is the whole hop, `/hooks/accept` only verifies and answers.
"""

import asyncio
import hmac
import sys

import aiohttp
import orjson
from aiohttp import web

from tests.bench.loop import run
from tests.bench.workload import SIGNATURE, mapped, signature


async def verified(request: web.Request) -> bytes:
    body = await request.read()
    if not hmac.compare_digest(signature(body), request.headers.get(SIGNATURE, "")):
        raise web.HTTPUnauthorized
    return body


def application(sink: str) -> web.Application:
    """The hop's web application; `sink` is the address that gets the mapped fields."""
    session = web.AppKey("session", aiohttp.ClientSession)

    async def opened(app: web.Application) -> None:
        app[session] = aiohttp.ClientSession()

    async def closed(app: web.Application) -> None:
        await app[session].close()

    async def hop(request: web.Request) -> web.Response:
        body = orjson.loads(await verified(request))
        headers = {"Content-Type": "application/json"}
        async with request.app[session].post(sink, data=orjson.dumps(mapped(body)), headers=headers) as answer:
            await answer.read()
        return web.json_response({"ok": answer.status < 300})

    async def accept(request: web.Request) -> web.Response:
        await verified(request)
        return web.json_response({"ok": True})

    app = web.Application()
    app.on_startup.append(opened)
    app.on_cleanup.append(closed)
    app.router.add_post("/hooks/hop", hop)
    app.router.add_post("/hooks/accept", accept)
    return app


async def main() -> None:
    """Listen on a free port, say which, and serve until stdin ends."""
    runner = web.AppRunner(application(sys.argv[1]), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    run(main())
