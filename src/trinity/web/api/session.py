"""Signing in and out by script."""

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from trinity.web.api.bodies import Login
from trinity.web.context import PageRequest, web_of
from trinity.web.csrf import csrf_token
from trinity.web.guards import anyone, member
from trinity.web.pages.front import check_password
from trinity.web.session import cookie_away, cookie_for


@post("/login", guards=[anyone], status_code=200)
async def login(request: Request, data: JSONBody[Login]) -> Response[dict[str, str]]:  # type: ignore[type-arg]
    """A session cookie, and the token that every change must carry as `X-CSRF-Token`."""
    config = web_of(request).config
    token = await check_password(request, data.email.lower(), data.password)
    answer = Response({"csrf_token": csrf_token(config, token)})
    answer.set_cookie(cookie_for(config, token))
    return answer


@post("/logout", guards=[member], status_code=204)
async def logout(request: PageRequest) -> Response[None]:
    """End the session."""
    web = web_of(request)
    await web.desk.sign_out(request.auth)
    answer: Response[None] = Response(None, status_code=204)
    answer.set_cookie(cookie_away(web.config))
    return answer


handlers: list[HTTPRouteHandler] = [login, logout]
