"""The web app: server-rendered pages that stay live, and the JSON API of `/api/v1`.

Promises: every route says who may call it (a route without a guard is a start-up error); pages and API
call contexts' public functions and never tables; what a browser is shown is rendered here, from stored
bytes, by templates that escape everything; no inline script or style exists, so that the strict content
security policy with Trusted Types holds on every page.
"""
