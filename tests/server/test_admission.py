"""Who is let in, and how many."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import jwt
import pytest

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")

from bargein_server import KEY, SECRET, client, serving, status_of, token
from loud_speech import sound

ROOM = sound(("room", 1.2))
KEYS = {KEY: SECRET}


def run(test: Any) -> None:
    asyncio.run(test())


def tokens() -> dict[str, str | None]:
    whole = token()
    head, body, signature = whole.split(".")
    claims = jwt.decode(whole, options={"verify_signature": False})
    other = "another-secret-with-as-many-letters"
    return {
        "none at all": None,
        "empty": "",
        "no token": "gibberish",
        "three parts of gibberish": "a.b.c",
        "very long": "x" * 20_000,
        "expired": token(seconds=-120),
        "of another secret": token(secret=other),
        "of another key": token(key="APIother"),
        "of another key and secret": token(key="APIother", secret=other),
        "alg none": jwt.encode(claims, None, algorithm="none"),
        "unsigned": f"{head}.{body}.",
        "changed": f"{head}.{body[:-2]}AA.{signature}",
        "without a grant": token(grant=None),
        "with a grant for nothing": token(grant=False),
        "with a grant that is no object": jwt.encode(claims | {"inference": "perform"}, SECRET, algorithm="HS256"),
        "with a grant that is no boolean": jwt.encode(
            claims | {"inference": {"perform": "yes"}}, SECRET, algorithm="HS256"
        ),
        "without an end": jwt.encode({k: v for k, v in claims.items() if k != "exp"}, SECRET, algorithm="HS256"),
        "not yet valid": jwt.encode(claims | {"nbf": time.time() + 300}, SECRET, algorithm="HS256"),
        "of HS512": jwt.encode(claims, SECRET * 2, algorithm="HS512"),
        "without an issuer": jwt.encode({k: v for k, v in claims.items() if k != "iss"}, SECRET, algorithm="HS256"),
    }


def test_every_wrong_token_is_refused_with_401_by_socket_and_by_http() -> None:
    async def test() -> None:
        async with serving(keys=KEYS) as (url, _), aiohttp.ClientSession() as http:
            for name, wrong in tokens().items():
                # A header of more than 8 kB is not even read.
                assert await status_of(url, bearer=wrong) == (400 if name == "very long" else 401), name
                headers = {} if wrong is None else {"Authorization": f"Bearer {wrong}"}
                async with http.post(url + "/bargein", headers=headers, data=ROOM.tobytes()) as answer:
                    assert answer.status == 401, name
                    assert "Traceback" not in await answer.text()
            assert await status_of(url, Authorization=f"Basic {token()}") == 401
            assert await status_of(url, bearer=token()) == 101
            # Clocks differ: LiveKit allows a minute.
            assert await status_of(url, bearer=token(seconds=-30)) == 101

    run(test)


def test_several_keys_have_a_secret_each() -> None:
    async def test() -> None:
        keys = KEYS | {"APIother": "another-secret-with-as-many-letters"}
        async with serving(keys=keys) as (url, _):
            assert await status_of(url, bearer=token()) == 101
            assert await status_of(url, bearer=token("APIother", keys["APIother"])) == 101
            assert await status_of(url, bearer=token("APIother", SECRET)) == 401

    run(test)


def test_more_sessions_than_there_is_room_for_are_refused_with_429() -> None:
    async def test() -> None:
        async with serving(max_sessions=2) as (url, _):
            async with client(url) as one, client(url):
                assert await status_of(url) == 429
                async with aiohttp.ClientSession() as http, http.get(url + "/readyz") as answer:
                    assert answer.status == 503
                # Those that are in are served on.
                await one.create()
                assert (await one.judge(1, ROOM))["type"] == "inference_done"
            await asyncio.sleep(0.1)
            assert await status_of(url) == 101

    run(test)


def test_a_key_has_no_more_sessions_than_its_own() -> None:
    async def test() -> None:
        keys = KEYS | {"APIother": "another-secret-with-as-many-letters"}
        async with serving(keys=keys, max_sessions_per_key=1) as (url, _), client(url, bearer=token()):
            assert await status_of(url, bearer=token()) == 429
            assert await status_of(url, bearer=token("APIother", keys["APIother"])) == 101

    run(test)
