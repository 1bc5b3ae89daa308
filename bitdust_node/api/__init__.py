"""The API: methods are declared once, faces (HTTP, WebSocket, command line) are made from the registry."""
