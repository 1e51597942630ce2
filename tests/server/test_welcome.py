"""A browser that opens the printed address is told what this is, without a token and without data."""

import asyncio

from rackhand.server.fake import ServerPlace


def test_the_address_answers_in_a_browser(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            answer = await api.using(None).get("/")
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert "서버가 실행 중입니다" in answer.text

    asyncio.run(story())
