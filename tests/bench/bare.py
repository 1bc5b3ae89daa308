"""
`python -m tests.bench.bare`: what a bare `twisted.web` resource and a bare autobahn echo are, to be measured beside
the API. Prints both ports and serves until it is ended.
"""

from __future__ import annotations

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

#: What the API answers to `process_health`.
ANSWER = b'{\n  "execution": "0.000030",\n  "status": "OK"\n}\n'


class Health(Resource):
    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        request.setHeader("Content-Type", "application/json")
        return ANSWER


class Echo(WebSocketServerProtocol):  # type: ignore[misc]
    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.sendMessage(payload)


def main() -> None:
    """
    Serve both on free ports.
    """
    loop = reactor  # installed by the import
    site = Site(Health())
    site.noisy = False
    site.log = lambda request: None  # type: ignore[method-assign]
    echo = WebSocketServerFactory()
    echo.protocol = Echo
    echo.setProtocolOptions(tcpNoDelay=True)
    ports = [loop.listenTCP(0, factory, interface="127.0.0.1") for factory in (site, echo)]  # type: ignore[attr-defined]
    print(*(port.getHost().port for port in ports), flush=True)
    loop.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
