"""`/` until the web pages exist: says in a browser what answers here and where to go next. Shows no data."""

from typing import Any

from litestar import get

import rackhand
from rackhand.server.contract import PUBLIC, Content, Response, operation

_CSP = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Rackhand</title>
<h1>Rackhand {rackhand.__version__}</h1>
<p>The server is running. This release is operated by the command line and the HTTP API; web pages follow.</p>
<p lang="ko">서버가 실행 중입니다. 이 버전은 명령줄과 HTTP API로 사용합니다. 웹 화면은 다음 버전에 나옵니다.</p>
<pre>rackhand devices list
rackhand runs list
rackhand runs show RUN</pre>
<p><a href="/api/openapi.json">OpenAPI</a> · <a href="/readyz">readyz</a> · <a href="/metrics">metrics</a></p>
</html>
"""


@get("/", **operation("What answers here", role=PUBLIC, answers={200: Content(("text/html",))}))
async def welcome() -> Response:
    return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": _CSP})


handlers: list[Any] = [welcome]
