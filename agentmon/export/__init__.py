"""How it leaves the process: text formats, HTTP, WSGI, ASGI, the status page, HDR logs."""
