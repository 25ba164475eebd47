"""Who may call a route. Every handler carries exactly one of these; `demand_guards` refuses to start else."""

from litestar import Litestar, Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from trinity.accounts import Permission, SignedIn, may
from trinity.errors import Refused
from trinity.web.context import web_of
from trinity.web.csrf import SAFE_METHODS, demand_same_origin, demand_token
from trinity.web.forms import let_go
from trinity.web.session import token_in


class UnguardedRoute(RuntimeError):
    """A route does not say who may call it. The app does not start."""


class Guard:
    """The base of all guards, so that start-up can tell them from anything else."""

    async def __call__(self, connection: ASGIConnection, _: BaseRouteHandler) -> None:  # type: ignore[type-arg]
        """Return, or raise `Refused`."""
        raise NotImplementedError


def _http(connection: ASGIConnection) -> Request:  # type: ignore[type-arg]
    """The request; anything but HTTP is not served here."""
    if not isinstance(connection, Request):
        raise Refused("bad_request", "Only HTTP is served here.", status=400)
    return connection


class Public(Guard):
    """Anyone. What changes something must come from our own pages, or from no browser at all."""

    def __init__(self, *, is_proof_needed: bool = False) -> None:
        self._is_proof_needed = is_proof_needed

    async def __call__(self, connection: ASGIConnection, _: BaseRouteHandler) -> None:  # type: ignore[type-arg]
        """Check the origin of anything but reads."""
        web = web_of(connection)
        request = _http(connection)
        if request.method not in SAFE_METHODS:
            demand_same_origin(request, web.config, is_proof_needed=self._is_proof_needed)


class People(Guard):
    """A signed-in person whose role has one of the permissions (any member when none is named)."""

    def __init__(self, *some: Permission) -> None:
        self._some = some

    async def __call__(self, connection: ASGIConnection, _: BaseRouteHandler) -> None:  # type: ignore[type-arg]
        """Find the session, then, for a change, the origin and the CSRF token, then the permission."""
        web = web_of(connection)
        token = token_in(connection, web.config)
        session = await web.desk.find(token) if token else None
        if session is None or token is None:
            raise Refused("not_signed_in", "Sign in to continue.", status=401)
        request = _http(connection)
        connection.scope["user"] = session
        connection.scope["auth"] = token
        try:
            if request.method not in SAFE_METHODS:
                demand_same_origin(request, web.config, is_proof_needed=False)
                await demand_token(request, web.config, token)
            self._demand_permission(session)
        except Refused:
            await let_go(request)
            raise

    def _demand_permission(self, session: SignedIn) -> None:
        if self._some and not any(may(session.role, permission) for permission in self._some):
            wanted = " or ".join(self._some)
            raise Refused("role_required", f"The role {session.role} may not do this ({wanted}).", status=403)


anyone = Public()
sign_in_form = Public(is_proof_needed=True)
member = People()
may_run = People(Permission.RUN)
may_add = People(Permission.RUN, Permission.RELEASE)
may_release = People(Permission.RELEASE)
may_approve = People(Permission.APPROVE)
may_propose = People(Permission.PROPOSE)
may_change = People(Permission.PROPOSE, Permission.APPROVE)
may_control = People(Permission.CONTROL)
may_administer = People(Permission.ADMINISTER)


def demand_guards(app: Litestar) -> None:
    """Raise `UnguardedRoute` unless each handler, or a router of its own, carries exactly one guard.

    A guard on the whole app does not count: who may call a route is said where the route is.
    The OPTIONS answers that the framework makes list methods only and are left out.
    """
    for route in app.routes:
        for handler in getattr(route, "route_handlers", None) or [route.route_handler]:  # type: ignore[union-attr]
            if handler.fn.__module__.startswith("litestar.") and getattr(handler, "http_methods", ()) == {"OPTIONS"}:
                continue
            layers = [layer for layer in handler.ownership_layers if layer is not app]
            found = [guard for layer in layers for guard in layer.guards or ()]
            if len(found) != 1 or not isinstance(found[0], Guard):
                raise UnguardedRoute(f"{route.path} ({handler}) has {len(found)} guards, not one of ours")
